"""Others who listen at the same places: what they report is not reported again."""

from __future__ import annotations

import sys
from typing import Any

from opentelemetry import _logs

_INSTRUMENTATION = "opentelemetry.instrumentation.exceptions"
_THEIR_PLACES = frozenset({"sys.excepthook", "threading", "asyncio"})


def reported_by_another(exception: BaseException, mechanism: str) -> bool:
    """Whether `opentelemetry-instrumentation-exceptions` is active, sees the exception, and what it says leaves."""
    module = sys.modules.get(_INSTRUMENTATION)
    if module is None or mechanism not in _THEIR_PLACES or not isinstance(exception, Exception):
        return False
    instrumentor = getattr(getattr(module, "UnhandledExceptionInstrumentor", None), "_instance", None)
    active = bool(getattr(instrumentor, "is_instrumented_by_opentelemetry", False))
    return active and processors_of(_logs.get_logger_provider()) is not None


def processors_of(provider: object) -> Any:  # noqa: ANN401 - the SDK names no public type
    """Find the processors of the SDK's logger provider; None where there are none: it loses what it is given."""
    found = getattr(provider, "_multi_log_record_processor", None)
    return found if getattr(found, "_log_record_processors", ()) else None

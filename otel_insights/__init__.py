"""Beside an OpenTelemetry Collector: groups exceptions and explains them by the configuration that fails."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otel_insights.client import (
        exception_telemetry,
        flush,
        instrument,
        record_event,
        record_exception,
        shutdown,
        uninstrument,
    )

__all__ = [
    "exception_telemetry",
    "flush",
    "instrument",
    "record_event",
    "record_exception",
    "shutdown",
    "uninstrument",
]


def __getattr__(name: str) -> object:
    """Load the client when it is called for: `import otel_insights` alone stays light."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from otel_insights import client  # noqa: PLC0415

    return getattr(client, name)

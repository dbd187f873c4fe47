"""record_metric, and operation: a span, its duration as a metric, and whether it succeeded."""

from __future__ import annotations

import functools
import inspect
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from otel_insights import semconv
from otel_insights.client import plain
from otel_insights.client.decorator import wrapped
from otel_insights.client.events import record_event
from otel_insights.client.guard import guarded, once
from otel_insights.client.instrumentation import allowed, installed

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from otel_insights.client.measurements import Kind

_F = TypeVar("_F", bound=Callable[..., Any])


def record_metric(
    name: str,
    value: float | str,
    attributes: Mapping[str, object] | None = None,
    *,
    kind: Kind = "gauge",
    unit: str = "",
) -> str:
    """Report a number as a metric, or a text as an event of that name; gives an id. Nothing without instrument().

    Of a `gauge` the last number counts; those of a `counter` add up; of a `histogram` the distribution is kept.
    """
    if plain.number(value) is None:
        return record_event(name, {**(guarded(allowed)(attributes) or {}), "value": value}, sampling_rate=1.0)
    guarded(_measure)(name, value, attributes, kind, unit)
    return str(uuid.uuid4())


def _measure(name: str, value: object, attributes: Mapping[str, object] | None, kind: Kind, unit: str) -> None:
    if (ours := installed()) is None:
        return
    found = plain.measured(value)
    if found is None or (found < 0 and kind != "gauge"):
        once(f"measuring {name}, of which {value!r} is no finite number, or below 0 and no gauge's,")
        return
    ours.measurements().record(name, found, allowed(attributes), kind, unit)


class operation:  # noqa: N801 - used as `contextmanager` is
    """Time a block or a function: `with operation("query.executed", db_type="chroma") as told: ...; told.set(rows=3)`.

    It becomes a span, and a value of the histogram `otel_insights.operation.duration`; what leaves it is recorded on
    the span, gives both its `error.type`, and goes on. As a decorator: on functions, coroutines and generators.
    """

    def __init__(self, name: str, /, **attributes: object) -> None:
        """Attributes go on the span; the metric has the name and `error.type` only, to stay few."""
        self._name = plain.text(name)
        self._attributes = attributes
        self._span: Span | None = None
        self._current: AbstractContextManager[Any] | None = None
        self._began = 0.0

    def set(self, **attributes: object) -> None:
        """Add attributes to the span."""
        guarded(self._say)(attributes)

    def __enter__(self) -> operation:  # noqa: PYI034 - Self is in no standard library of Python 3.10
        """Begin it."""
        self._began = time.perf_counter()
        guarded(self._start)()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """End it; nothing is swallowed."""
        guarded(self._end)(time.perf_counter() - self._began, error)

    def __call__(self, function: _F) -> _F:
        """Decorate: each call is an operation of its own."""
        if inspect.isasyncgenfunction(function):
            once(f"timing {function.__qualname__}, since an asynchronous generator is no operation,")
            return function
        return functools.wraps(function)(  # type: ignore[return-value]
            wrapped(function, lambda: operation(self._name, **self._attributes))
        )

    def _start(self) -> None:
        if (ours := installed()) is None:
            return
        from opentelemetry import trace  # noqa: PLC0415 - the SDK is loaded by who uses it

        from otel_insights.client.measurements import SCOPE  # noqa: PLC0415

        self._span = trace.get_tracer(SCOPE).start_span(ours.redactor.text(self._name))
        self._say(self._attributes)
        self._current = trace.use_span(
            self._span, end_on_exit=False, record_exception=False, set_status_on_exception=False
        )
        self._current.__enter__()

    def _say(self, attributes: Mapping[str, object]) -> None:
        ours = installed()
        if ours is not None and self._span is not None and self._span.is_recording():
            for key, value in ours.redactor.attributes(allowed(attributes)).items():
                self._span.set_attribute(key, value if isinstance(value, (str, bool, int, float)) else str(value))

    def _end(self, seconds: float, error: BaseException | None) -> None:
        span, current = self._span, self._current
        if span is None or current is None:
            return
        told: dict[str, object] = {semconv.OPERATION_NAME: self._name}
        failed = error is not None and not isinstance(error, (GeneratorExit, StopIteration, StopAsyncIteration))
        if failed and not (isinstance(error, SystemExit) and not error.code):
            from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415 - as above

            from otel_insights.client.description import describe, type_name  # noqa: PLC0415

            assert error is not None  # noqa: S101 - for the type checker
            told[semconv.ERROR_TYPE] = type_name(error)
            span.set_attribute(semconv.ERROR_TYPE, type_name(error))
            if ours := installed():  # the exporter may be the application's: what goes there is clean
                told_of_it = ours.redactor.attributes(describe(error, ours.settings))
                span.add_event("exception", told_of_it)
            span.set_status(Status(StatusCode.ERROR))
        span.end()  # while the exception is in flight: whoever reports it later finds its span
        current.__exit__(None, None, None)
        if (ours := installed()) is not None:
            ours.measurements().record(semconv.OPERATION_DURATION, seconds, told, "histogram", "s")

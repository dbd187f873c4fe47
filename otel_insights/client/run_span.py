"""The root span of a run; where nobody keeps spans, what ties the events of a run together as one would."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextvars import Token
from dataclasses import dataclass

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, Status, StatusCode, TraceFlags

from otel_insights import semconv
from otel_insights.client import plain
from otel_insights.client.marks import mark_of
from otel_insights.client.pipeline import SCOPE
from otel_insights.redaction import Redactor

_IDS = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class RunSpan:
    """A span without parent, linked to the one that was current. Its exporter may be the application's: it is clean."""

    span: Span
    redactor: Redactor

    @classmethod
    def start(cls, name: str, attributes: Mapping[str, object], redactor: Redactor) -> RunSpan:
        """Begin it; it is not made current."""
        around = trace.get_current_span().get_span_context()
        span = trace.get_tracer(SCOPE).start_span(
            redactor.text(name), contexts.Context(), links=[Link(around)] if around.is_valid else None
        )
        if not span.get_span_context().is_valid:
            ids = SpanContext(
                _IDS.getrandbits(128), _IDS.getrandbits(64), is_remote=False, trace_flags=TraceFlags.get_default()
            )
            span = NonRecordingSpan(ids)
        made = cls(span, redactor)
        made._say(attributes)
        return made

    @property
    def context(self) -> SpanContext:
        """Its ids."""
        return self.span.get_span_context()

    def attach(self) -> Token[contexts.Context]:
        """Make it current."""
        return contexts.attach(trace.set_span_in_context(self.span))

    @staticmethod
    def detach(token: Token[contexts.Context] | None) -> None:
        """Make current what was."""
        if token is not None:
            contexts.detach(token)

    def failed(self, exception: BaseException) -> None:
        """Note what left the run."""
        self.span.set_attribute(semconv.ERROR_TYPE, type(exception).__qualname__)
        mark = mark_of(exception)
        if mark.span is None:
            mark.span = self.context

    def end(self, attributes: Mapping[str, object], *, error: str | None) -> None:
        """End it; with an `error` its status says so."""
        self._say(attributes)
        if error is not None:
            self.span.set_status(Status(StatusCode.ERROR, self.redactor.text(plain.text(error))))
        self.span.end()

    def _say(self, attributes: Mapping[str, object]) -> None:
        if self.span.is_recording():
            for key, value in self.redactor.attributes(plain.mapping(attributes)).items():
                # a span takes neither maps nor mixed lists
                self.span.set_attribute(key, value if isinstance(value, (str, bool, int, float)) else str(value))

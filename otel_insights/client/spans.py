"""Remembers the innermost span that an exception left: when it dies, its spans have ended."""

from __future__ import annotations

import sys

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider

from otel_insights.client.guard import guarded
from otel_insights.client.marks import mark_of


class Witness(SpanProcessor):
    """Added to the application's tracer provider; it exports nothing."""

    active = True

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing."""

    @guarded
    def on_end(self, span: ReadableSpan) -> None:
        """Note the span on the exception that ends it: the first to end is the innermost."""
        exception = sys.exc_info()[1]
        if not self.active or exception is None or span.context is None:
            return
        if not any(event.name == "exception" for event in span.events):
            return
        mark = mark_of(exception)
        if mark.span is None:
            mark.span = span.context

    def shutdown(self) -> None:
        """Do nothing."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - nothing waits here
        """Do nothing."""
        return True


_witnesses: dict[int, Witness] = {}


def watch() -> Witness | None:
    """Watch the spans of the tracer provider that there is, if it is the SDK's. A provider takes no processor back."""
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        return None
    witness = _witnesses.get(id(provider))
    if witness is None:
        witness = _witnesses[id(provider)] = Witness()
        provider.add_span_processor(witness)
    witness.active = True
    return witness

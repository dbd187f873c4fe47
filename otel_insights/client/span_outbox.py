"""Where spans wait to be sent by the courier's thread; cleaned of secrets on the way out, as our events are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Event, ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import Link, Status

from otel_insights.client import plain
from otel_insights.client.description import STACKTRACE, STACKTRACE_HASH
from otel_insights.client.exporters import Fan
from otel_insights.client.guard import guarded, log
from otel_insights.client.spool import Spool
from otel_insights.client.unsent import Unsent
from otel_insights.redaction import Redactor
from otel_insights.stack_reduction import Mode, frames, stack_hash


class SpanOutbox(SpanProcessor):
    """Keeps at most `size` spans and drops what comes then; what is dropped is counted.

    Unlike the SDK's batch processor it has no thread of its own, and ends within the bound of whoever waits.
    """

    def __init__(
        self,
        exporter: Fan[ReadableSpan],
        redactor: Redactor,
        stacktrace: Mode,
        size: int,
        batch: int,
        spool: Spool | None = None,
    ) -> None:
        """Send `batch` spans at a time."""
        self.exporter = exporter
        self.redactor = redactor
        self.stacktrace = stacktrace
        self.active = True
        self.wake: Callable[[], object] = lambda: None
        """Called when a batch is full."""
        self._batch = batch
        self.spool = spool
        self._unsent: Unsent[ReadableSpan, ReadableSpan] = Unsent(
            size, batch, lambda span: cleaned(span, self.redactor, self.stacktrace), self._export, self._keep
        )
        self.send = self._unsent.send
        self.rescue = self._unsent.rescue
        self.forget = self._unsent.forget

    @property
    def dropped(self) -> int:
        """How many spans were lost, here or on disk (requests, there)."""
        return self._unsent.dropped + (0 if self.spool is None else self.spool.dropped)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing."""

    @guarded
    def on_end(self, span: ReadableSpan) -> None:
        """Keep a span that is sampled; never blocks."""
        context = span.get_span_context()
        if not self.active or context is None or not context.trace_flags.sampled:
            return
        if self._unsent.put(span) == self._batch:
            self.wake()

    @property
    def waiting(self) -> bool:
        """Whether something is to be sent, or is being sent."""
        return self._unsent.waiting

    def _export(self, spans: Sequence[ReadableSpan]) -> bool:
        return self.exporter.export(spans)  # another one after a fork

    def _keep(self, spans: Sequence[ReadableSpan]) -> None:
        log.info("otel_insights: %d spans could not be exported", len(spans))
        if self.spool is None:
            self._unsent.dropped += len(spans)
            return
        # both are loaded with the exporter, or where something failed
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans  # noqa: PLC0415

        from otel_insights.client.lines import line  # noqa: PLC0415

        self.spool.keep(line(encode_spans(spans)))

    def shutdown(self) -> None:
        """Abort what the exporters are at."""
        self.exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the courier sends
        """Do nothing: the courier's thread sends."""
        return True


class Cleaned(ReadableSpan):
    """A span that has lost its secrets, and not the numbers of what the SDK had dropped before."""

    def __init__(self, whole: ReadableSpan, **changed: Any) -> None:  # noqa: ANN401 - as the SDK's
        """Take all from `whole` but what is `changed`."""
        kept = {
            "context": whole.context,
            "parent": whole.parent,
            "resource": whole.resource,
            "kind": whole.kind,
            "start_time": whole.start_time,
            "end_time": whole.end_time,
            "instrumentation_scope": whole.instrumentation_scope,
        }
        super().__init__(**kept, **changed)
        self._whole = whole

    @property
    def dropped_attributes(self) -> int:
        """As before."""
        return self._whole.dropped_attributes

    @property
    def dropped_events(self) -> int:
        """As before."""
        return self._whole.dropped_events

    @property
    def dropped_links(self) -> int:
        """As before."""
        return self._whole.dropped_links


def cleaned(span: ReadableSpan, redactor: Redactor, stacktrace: Mode) -> ReadableSpan:
    """Give the span without secrets: the same object if it had none."""
    before = redactor.count
    name = redactor.text(plain.text(span.name))
    attributes = redactor.attributes(plain.mapping(span.attributes or {}))
    events = [_event(one, redactor, stacktrace) for one in span.events]
    links = [Link(one.context, redactor.attributes(plain.mapping(one.attributes or {}))) for one in span.links]
    description = span.status.description and redactor.text(plain.text(span.status.description))
    if redactor.count == before and (stacktrace == "full" or not events) and _holds(span):
        return span
    status = Status(span.status.status_code, description)
    return Cleaned(span, name=name, attributes=attributes, events=events, links=links, status=status)


def _holds(span: ReadableSpan) -> bool:
    """Whether OTLP can hold all of it as it is."""
    texts = [span.name, span.status.description or "", *(one.name for one in span.events)]
    borne = [span.attributes, *(one.attributes for one in span.events), *(one.attributes for one in span.links)]
    return all(plain.text(one) is one for one in texts) and all(plain.mapping(one) is one for one in borne if one)


def _event(event: Event, redactor: Redactor, stacktrace: Mode) -> Event:
    attributes = dict(event.attributes or {})
    if stacktrace != "full" and isinstance(text := attributes.get(STACKTRACE), str):
        del attributes[STACKTRACE]
        if stacktrace == "hash":
            attributes[STACKTRACE_HASH] = stack_hash(text)
        else:
            attributes[STACKTRACE] = frames(text)
    name = redactor.text(plain.text(event.name))
    return Event(name, redactor.attributes(plain.mapping(attributes)), event.timestamp)

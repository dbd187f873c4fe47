"""Where spans wait to be sent by the courier's thread; cleaned of secrets on the way out, as our events are."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Event, ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import Link, Status

from otel_insights.client.description import STACKTRACE, STACKTRACE_HASH
from otel_insights.client.exporters import Fan
from otel_insights.client.guard import guarded, log
from otel_insights.client.outbox import quiet
from otel_insights.redaction import Redactor
from otel_insights.stack_reduction import Mode, frames, stack_hash


@dataclass(slots=True, eq=False)
class SpanOutbox(SpanProcessor):
    """Keeps at most `size` spans and drops what comes then; what is dropped is counted.

    Unlike the SDK's batch processor it has no thread of its own, and ends within the bound of whoever waits.
    """

    exporter: Fan[ReadableSpan]
    redactor: Redactor
    stacktrace: Mode
    size: int
    batch: int
    active: bool = True
    wake: Callable[[], object] = lambda: None
    """Called when a batch is full."""
    dropped: int = field(default=0, init=False)
    _queue: deque[ReadableSpan] = field(default_factory=deque, init=False)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing."""

    @guarded
    def on_end(self, span: ReadableSpan) -> None:
        """Keep a span that is sampled; never blocks."""
        context = span.get_span_context()
        if not self.active or context is None or not context.trace_flags.sampled:
            return
        if len(self._queue) >= self.size:
            self.dropped += 1
            return
        self._queue.append(span)
        if len(self._queue) == self.batch:
            self.wake()

    def send(self) -> None:
        """Export everything that waits; of one thread only."""
        with quiet():
            while self._queue:
                waiting = [self._queue.popleft() for _ in range(min(self.batch, len(self._queue)))]
                if not self.exporter.export([cleaned(one, self.redactor, self.stacktrace) for one in waiting]):
                    log.info("otel_insights: %d spans could not be exported", len(waiting))

    def forget(self) -> None:
        """Drop what waits: after a fork it is the parent's."""
        self._queue = deque()

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
    name = redactor.text(span.name)
    attributes = redactor.attributes(span.attributes or {})
    events = [_event(one, redactor, stacktrace) for one in span.events]
    links = [Link(one.context, redactor.attributes(one.attributes or {})) for one in span.links]
    description = span.status.description and redactor.text(span.status.description)
    if redactor.count == before and (stacktrace == "full" or not events):
        return span
    status = Status(span.status.status_code, description)
    return Cleaned(span, name=name, attributes=attributes, events=events, links=links, status=status)


def _event(event: Event, redactor: Redactor, stacktrace: Mode) -> Event:
    attributes = dict(event.attributes or {})
    if stacktrace != "full" and isinstance(text := attributes.get(STACKTRACE), str):
        del attributes[STACKTRACE]
        if stacktrace == "hash":
            attributes[STACKTRACE_HASH] = stack_hash(text)
        else:
            attributes[STACKTRACE] = frames(text)
    return Event(redactor.text(event.name), redactor.attributes(attributes), event.timestamp)

"""Where our events wait to be sent: bounded, cleaned of secrets on the way out, exported by the courier's thread."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource

from otel_insights.client.exporters import Fan
from otel_insights.client.guard import log
from otel_insights.redaction import Redactor

_TALKATIVE = (
    "opentelemetry.exporter.otlp.proto.http",
    "opentelemetry.exporter.otlp.proto.http._log_exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "urllib3.connectionpool",
    "urllib3.util.retry",
)


@dataclass(slots=True, eq=False)
class Outbox(LogRecordProcessor):
    """Keeps at most `size` records and drops what comes then; what is dropped is counted."""

    exporter: Fan[ReadableLogRecord]
    redactor: Redactor
    size: int
    batch: int
    dropped: int = field(default=0, init=False)
    _queue: deque[ReadWriteLogRecord] = field(default_factory=deque, init=False)

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Keep a record; never blocks."""
        if len(self._queue) >= self.size:
            self.dropped += 1
        else:
            self._queue.append(log_record)

    def send(self) -> None:
        """Export everything that waits; of one thread only, since it is silent for its own thread only."""
        with quiet():
            while self._queue:
                waiting = [self._queue.popleft() for _ in range(min(self.batch, len(self._queue)))]
                if not self.exporter.export([self._clean(one) for one in waiting]):
                    log.info("otel_insights: %d events could not be exported", len(waiting))

    def _clean(self, record: ReadWriteLogRecord) -> ReadableLogRecord:
        inner = record.log_record
        inner.attributes = self.redactor.attributes(inner.attributes or {})
        return ReadableLogRecord(
            inner, record.resource or Resource.get_empty(), record.instrumentation_scope, record.limits
        )

    def shutdown(self) -> None:
        """Abort what the exporter is at."""
        self.exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the courier flushes
        """Do nothing: the courier's thread sends."""
        return True


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what the exporter logs on this thread off the application's stderr; on other threads it may be theirs."""
    here = threading.get_ident()

    def elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != here

    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    for one in loggers:
        one.addFilter(elsewhere)
    try:
        yield
    finally:
        for one in loggers:
            one.removeFilter(elsewhere)

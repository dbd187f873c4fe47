"""Where our events wait to be sent: bounded, cleaned of secrets on the way out, exported by the courier's thread.

What cannot be sent goes to the spool. Packages do so only with something to explain: a process that has nothing else to
tell leaves nothing on disk.
"""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource

from otel_insights.client.exporters import Fan
from otel_insights.client.guard import log
from otel_insights.client.spool import Spool
from otel_insights.client.unsent import Unsent
from otel_insights.redaction import Redactor

PACKAGE_INFO = "package.info"


class Outbox(LogRecordProcessor):
    """Keeps at most `size` records and drops what comes then; what is dropped is counted."""

    def __init__(
        self, exporter: Fan[ReadableLogRecord], redactor: Redactor, size: int, batch: int, spool: Spool | None = None
    ) -> None:
        """Send `batch` records at a time."""
        self.exporter = exporter
        self._redactor = redactor
        self.spool = spool
        self._packages: dict[object, ReadableLogRecord] = {}
        self._unsent = Unsent(size, batch, self._clean, exporter.export, self._keep, self._packages_now)
        self.send = self._unsent.send
        self.rescue = self._unsent.rescue

    @property
    def dropped(self) -> int:
        """How many records were lost, here or on disk (requests, there)."""
        return self._unsent.dropped + (0 if self.spool is None else self.spool.dropped)

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Keep a record; never blocks."""
        self._unsent.put(log_record)

    @property
    def waiting(self) -> bool:
        """Whether something is to be sent, or is being sent."""
        return self._unsent.waiting

    def _packages_now(self) -> Sequence[ReadableLogRecord]:
        waiting = list(self._packages.values())
        self._packages.clear()
        return waiting

    def _keep(self, records: Sequence[ReadableLogRecord]) -> None:
        log.info("otel_insights: %d events could not be exported", len(records))
        if self.spool is None:
            self._unsent.dropped += len(records)
            return
        news = []
        for one in records:
            if one.log_record.event_name == PACKAGE_INFO:
                self._packages[(one.log_record.attributes or {}).get("package.name")] = one
            else:
                news.append(one)
        if news:
            # both are loaded with the exporter, or where something failed
            from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs  # noqa: PLC0415

            from otel_insights.client.lines import line  # noqa: PLC0415

            self.spool.keep(line(encode_logs([*self._packages_now(), *news])))

    def _clean(self, record: ReadWriteLogRecord) -> ReadableLogRecord:
        inner = record.log_record
        inner.attributes = self._redactor.attributes(inner.attributes or {})
        return ReadableLogRecord(
            inner, record.resource or Resource.get_empty(), record.instrumentation_scope, record.limits
        )

    def shutdown(self) -> None:
        """Abort what the exporter is at."""
        self.exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the courier flushes
        """Do nothing: the courier's thread sends."""
        return True

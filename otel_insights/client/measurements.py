"""Numbers as OTLP metrics: through the application's meter provider if it has one, else through one of our own."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, MetricsData
from opentelemetry.sdk.resources import Resource

from otel_insights.client import plain
from otel_insights.client.exporters import Fan, fan
from otel_insights.client.quiet import quiet
from otel_insights.client.settings import Settings, metric_interval
from otel_insights.redaction import Redactor

Kind = Literal["gauge", "counter", "histogram"]
SCOPE = "otel_insights.client"


class _Collected(MetricReader):
    """Exports when it is asked to, on the thread that asks."""

    def __init__(self, exporters: Fan[Any]) -> None:
        first = exporters.exporters[0]
        super().__init__(
            preferred_temporality=first._preferred_temporality,  # noqa: SLF001 - as the SDK's own reader does
            preferred_aggregation=first._preferred_aggregation,  # noqa: SLF001
        )
        self._exporters = exporters
        self.was_taken = True

    def _receive_metrics(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: object) -> None:  # noqa: ARG002
        self.was_taken = self._exporters.export(metrics_data)  # type: ignore[arg-type]

    def shutdown(self, timeout_millis: float = 30_000, **_: object) -> None:  # noqa: ARG002
        self._exporters.shutdown()


class Measurements:
    """Owns the instruments; what is sent by us goes with the courier, once an interval or when somebody waits."""

    def __init__(
        self,
        settings: Settings,
        redactor: Redactor,
        resource: Resource,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Find the meter provider, or make one with this resource that is not made global."""
        self._redactor = redactor
        self._clock = clock
        self._interval = metric_interval()
        self._sent = clock()
        self._lock = threading.Lock()
        self._instruments: dict[tuple[str, str], Callable[..., None]] = {}
        self._reader: _Collected | None = None
        self._theirs: MeterProvider | None = None
        self._observes = False
        self.waiting = False
        """Whether something was recorded that we have neither sent nor had the application's provider send."""
        theirs = metrics.get_meter_provider()
        if isinstance(theirs, MeterProvider):
            self._theirs, self._meter = theirs, theirs.get_meter(SCOPE)
            return
        exporters = fan("metrics", settings.endpoint, settings.headers)
        self._reader = _Collected(exporters) if exporters.exporters else None
        own = MeterProvider([self._reader] if self._reader else [], resource, shutdown_on_exit=False)
        self._meter = own.get_meter(SCOPE)

    def record(self, name: str, value: float, attributes: Mapping[str, object], kind: Kind, unit: str) -> None:
        """Set a gauge, or add to a counter or a histogram."""
        self._instrument(name, kind, unit)(value, self._redactor.attributes(plain.mapping(attributes)))
        self.waiting = self._reader is not None or self._theirs is not None

    def _instrument(self, name: str, kind: Kind, unit: str) -> Callable[..., None]:
        with self._lock:
            found = self._instruments.get((name, kind))
            if found is None:
                if kind == "counter":
                    found = self._meter.create_counter(name, unit).add
                elif kind == "histogram":
                    found = self._meter.create_histogram(name, unit).record
                elif kind == "gauge":
                    found = self._meter.create_gauge(name, unit).set
                else:
                    raise ValueError(f"kind: expected gauge, counter or histogram, got {kind!r}")
                self._instruments[name, kind] = found
            return found

    def observe_process(self) -> None:
        """Measure the process itself, from now on and once an interval."""
        from otel_insights.client.process_metrics import observe  # noqa: PLC0415 - most ask for none

        observe(self._meter)
        self._observes, self._sent = True, -math.inf

    def send(self, waited_for: bool) -> None:  # noqa: FBT001 - the courier says so
        """Export what was recorded, if it is time or somebody waits. Sums are cumulative: a failure loses no count.

        The application's provider has a time of its own: it is asked only where somebody waits.
        """
        if self._theirs is not None:
            if waited_for and self.waiting:
                self.waiting = False
                self._theirs.force_flush()
        elif self._reader is not None and self._is_due(waited_for):
            recorded = self.waiting
            self._sent, self.waiting = self._clock(), False
            with quiet():
                self._reader.collect()
            self.waiting |= recorded and not self._reader.was_taken

    def _is_due(self, waited_for: bool) -> bool:  # noqa: FBT001 - as above
        is_time = self._clock() - self._sent >= self._interval
        return (self.waiting and waited_for) or (is_time and (self.waiting or self._observes))

    def shutdown(self) -> None:
        """Abort what the exporter is at."""
        if self._reader is not None:
            self._reader.shutdown()

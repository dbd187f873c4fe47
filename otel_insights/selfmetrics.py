"""Our own counters, named as the Collector names its own, so that its dashboards and alerts fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric as OtlpMetric
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from otel_insights.component import Kind


@dataclass(slots=True)
class SelfMetrics:
    """Counters of one service, in a registry of their own (two services in one process do not mix).

    Read by `/metrics` (Prometheus text) and by the receiver `insights` (OTLP).
    """

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    sources: list[Callable[[int], Iterable[OtlpMetric]]] = field(default_factory=list)
    """Of metrics that somebody counts in another way; asked with the time, for the receiver `insights` alone."""
    _families: dict[str, Counter | Gauge | Histogram] = field(default_factory=dict)
    _children: dict[tuple[object, ...], Any] = field(default_factory=dict)
    """What to count on, by name and labels: finding it in its family would cost more than counting."""

    def add(self, name: str, amount: float = 1, /, **labels: str) -> None:
        """Add to a counter; it comes into being at its first use, with the labels given then.

        >>> metrics = SelfMetrics()
        >>> metrics.add("otelcol_receiver_accepted_spans", 512, receiver="otlp_grpc")
        >>> metrics.value("otelcol_receiver_accepted_spans", receiver="otlp_grpc")
        512.0
        """
        self._child(Counter, name, labels).inc(amount)

    def begin(self, *names: str, **labels: str) -> None:
        """Let counters be there from the start, at 0: the first thing that is counted is a rise then."""
        for name in names:
            self.add(name, 0, **labels)

    def set(self, name: str, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        self._child(Gauge, name, labels).set(value)

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """Put a value (seconds) into a histogram."""
        self._child(Histogram, name, labels).observe(value)

    def _child(self, kind: type[Counter | Gauge | Histogram], name: str, labels: dict[str, str]) -> Any:  # noqa: ANN401 - a kind's own
        key = (name, *labels.items())
        child = self._children.get(key)
        if child is None:
            family = self._families.get(name)
            if family is None:
                family = self._families[name] = kind(name, _HELP.get(name, name), tuple(labels), registry=self.registry)
            child = self._children[key] = family.labels(**labels) if labels else family
        return child

    def value(self, name: str, /, **labels: str) -> float:
        """Read a counter or gauge back: 0 if it never moved."""
        return (
            self.registry.get_sample_value(f"{name}_total", labels)
            or self.registry.get_sample_value(name, labels)
            or 0.0
        )


_HELP = {
    "otel_insights_dead_letters": "Messages of a topic that were not accepted",
    "otel_insights_kafka_lag": "Messages of a partition of ours that have not been read yet",
    "otel_insights_redactions": "Values that were replaced, since they are secrets or identify somebody",
    "otelcol_processor_refused_items": "Records that the processor refused, so that the sender tries again",
    "otel_insights_evicted_series": "Metric series that made room for new ones",
    "otel_insights_late_points": "Metric points that came after a later one of their series, or twice",
    "otel_insights_scored_points": "Metric points that were scored",
    "otel_insights_scoring_duration_seconds": "How long the last request of metrics took to score",
    "telemetry_anomalies": "Anomalies that opened",
    "otel_insights_uninspected_items": "Records that passed without insight, since they could not be decoded",
}


def passed(kind: Kind, item: str, outcome: str) -> str:
    """Name the Collector's counter of records at a component's door.

    >>> passed(Kind.RECEIVER, "spans", "accepted")
    'otelcol_receiver_accepted_spans'
    >>> passed(Kind.EXPORTER, "log_records", "send_failed")
    'otelcol_exporter_send_failed_log_records'
    """
    return f"otelcol_{kind.word}_{outcome}_{item}"

"""Our own counters, named as the Collector names its own, so that its dashboards and alerts fit."""

from __future__ import annotations

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from otel_insights.component import Kind


@dataclass(slots=True)
class SelfMetrics:
    """Counters of one service, in a registry of their own (two services in one process do not mix).

    Read by `/metrics` (Prometheus text) and by the receiver `insights` (OTLP).
    """

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    _known: dict[str, Counter | Gauge | Histogram] = field(default_factory=dict)

    def add(self, name: str, amount: float = 1, /, **labels: str) -> None:
        """Add to a counter; it comes into being at its first use, with the labels given then.

        >>> metrics = SelfMetrics()
        >>> metrics.add("otelcol_receiver_accepted_spans", 512, receiver="otlp_grpc")
        >>> metrics.value("otelcol_receiver_accepted_spans", receiver="otlp_grpc")
        512.0
        """
        counter = self._known.get(name)
        if counter is None:
            counter = self._known[name] = Counter(name, _HELP.get(name, name), tuple(labels), registry=self.registry)
        (counter.labels(**labels) if labels else counter).inc(amount)  # type: ignore[union-attr]

    def set(self, name: str, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        gauge = self._known.get(name)
        if gauge is None:
            gauge = self._known[name] = Gauge(name, _HELP.get(name, name), tuple(labels), registry=self.registry)
        (gauge.labels(**labels) if labels else gauge).set(value)  # type: ignore[union-attr]

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """Put a value (seconds) into a histogram."""
        seen = self._known.get(name)
        if seen is None:
            seen = self._known[name] = Histogram(name, _HELP.get(name, name), tuple(labels), registry=self.registry)
        (seen.labels(**labels) if labels else seen).observe(value)  # type: ignore[union-attr]

    def value(self, name: str, /, **labels: str) -> float:
        """Read a counter or gauge back: 0 if it never moved."""
        return (
            self.registry.get_sample_value(f"{name}_total", labels)
            or self.registry.get_sample_value(name, labels)
            or 0.0
        )


_HELP = {
    "otelcol_processor_refused_items": "Records that the processor refused, so that the sender tries again",
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

"""Traces that a request of metrics names for its points (`exemplars`), for whoever wants to see one of what happened.

Data model: https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exemplars
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar, Metric

from otel_insights.analysis.streams import SeriesKey

Place = tuple[bytes, bytes, frozenset[bytes], int]
"""Serialised resource, metric, serialised attributes, time."""


def by_point(request: ExportMetricsServiceRequest) -> dict[Place, Sequence[Exemplar]]:
    """Find the exemplars that name a trace, by the points that bear them."""
    return {
        (resource, metric.name.encode(), frozenset(one.SerializeToString() for one in point.attributes), time): named
        for outer in request.resource_metrics
        for resource in [outer.resource.SerializeToString()]
        for inner in outer.scope_metrics
        for metric in inner.metrics
        for point, time in _points(metric)
        if (named := [one for one in point.exemplars if any(one.trace_id)])
    }


def _points(metric: Metric) -> Iterator[tuple[Any, int]]:
    kind = metric.WhichOneof("data")
    if kind is not None and kind != "summary":  # a summary has none
        for point in getattr(metric, kind).data_points:
            yield point, point.time_unix_nano


def place(key: SeriesKey, time_ns: int) -> Place:
    """Tell where the exemplars of a series' point are. One whose sender writes protobuf in another way has none."""
    return key[0], key[2], frozenset(key[3]), time_ns


def extreme(exemplars: Iterable[Exemplar], *, highest: bool) -> Exemplar:
    """Choose the one with the highest or the lowest value; an empty one where there is none."""
    sign = 1 if highest else -1
    return max(exemplars, key=lambda one: sign * _value(one), default=Exemplar())


def _value(one: Exemplar) -> float:
    return float(one.as_int if one.WhichOneof("value") == "as_int" else one.as_double)

"""Our metrics as OTLP: what was found, and the counters of the service itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1 import metrics_pb2
from prometheus_client import CollectorRegistry

from otel_insights import semconv
from otel_insights.findings import our_resource, our_scope
from otel_insights.payload import attribute
from otel_insights.store.clusters import Count

_UNITS = {name.name: name.unit for name in semconv.EMITTED if name.kind == "metric"}
_CUMULATIVE = metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE
Points = Iterable[tuple[Mapping[str, str], float]]


def export_request(
    instance_id: str,
    counts: Sequence[Count],
    sizes: Mapping[str, int],
    tiers: Mapping[str, int],
    registry: CollectorRegistry,
    *,
    since_ns: int,
    started_ns: int,
    now_ns: int,
) -> ExportMetricsServiceRequest:
    """Build one export of everything. Counts of occurrences run since the store began, our counters since we did."""
    request = ExportMetricsServiceRequest()
    part = request.resource_metrics.add(resource=our_resource(instance_id))
    scope = part.scope_metrics.add(scope=our_scope())
    occurrences = (
        (
            {
                semconv.SERVICE_NAME: one.service,
                semconv.EXCEPTION_TYPE: one.exception_type,
                semconv.CLUSTER_ID: one.cluster_id,
            },
            one.occurrences,
        )
        for one in counts
    )
    scope.metrics.append(_sum(semconv.OCCURRENCES, occurrences, since_ns, now_ns))
    scope.metrics.append(_gauge(semconv.CLUSTER_COUNT, [({}, len(sizes))], now_ns))
    scope.metrics.append(
        _gauge(semconv.CLUSTER_SIZE, (({semconv.CLUSTER_ID: id_}, size) for id_, size in sizes.items()), now_ns)
    )
    scope.metrics.append(
        _gauge(semconv.SUGGESTIONS, (({semconv.SUGGESTION_TIER: tier}, n) for tier, n in tiers.items()), now_ns)
    )
    scope.metrics.extend(_of_registry(registry, started_ns, now_ns))
    return request


def _of_registry(registry: CollectorRegistry, started_ns: int, now_ns: int) -> Iterable[metrics_pb2.Metric]:
    for family in registry.collect():
        if family.type == "counter":
            points = ((one.labels, one.value) for one in family.samples if one.name.endswith("_total"))
            yield _sum(family.name, points, started_ns, now_ns)
        elif family.type == "gauge":
            name = _GAUGES.get(family.name, family.name)
            yield _gauge(name, ((one.labels, one.value) for one in family.samples), now_ns)


_GAUGES = {"otel_insights_clustering_duration_seconds": semconv.CLUSTERING_DURATION}


def _sum(name: str, points: Points, start_ns: int, now_ns: int) -> metrics_pb2.Metric:
    metric = metrics_pb2.Metric(name=name, unit=_UNITS.get(name, ""))
    metric.sum.aggregation_temporality = _CUMULATIVE
    metric.sum.is_monotonic = True
    _fill(metric.sum, points, now_ns, start_ns)
    return metric


def _gauge(name: str, points: Points, now_ns: int) -> metrics_pb2.Metric:
    metric = metrics_pb2.Metric(name=name, unit=_UNITS.get(name, ""))
    _fill(metric.gauge, points, now_ns)
    return metric


def _fill(into: metrics_pb2.Sum | metrics_pb2.Gauge, points: Points, now_ns: int, start_ns: int = 0) -> None:
    into.SetInParent()
    for labels, value in points:
        into.data_points.add(
            attributes=[attribute(key, text) for key, text in labels.items()],
            start_time_unix_nano=start_ns,
            time_unix_nano=now_ns,
            as_double=value,
        )

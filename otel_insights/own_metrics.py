"""Our metrics as OTLP: what was found, and the counters of the service itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1 import metrics_pb2
from prometheus_client import CollectorRegistry, Metric, generate_latest

from otel_insights import semconv
from otel_insights.findings import our_resource, our_scope
from otel_insights.payload import attribute
from otel_insights.store import anomalies, clusters, log_views, outbox, run_tally, suggestions
from otel_insights.store.clusters import Count
from otel_insights.store.engine import Database
from otel_insights.store.log_views import LogCount
from otel_insights.store.run_tally import Tallies

_UNITS = {name.name: name.unit for name in semconv.EMITTED if name.kind == "metric"}
_MEANINGS = {name.name: name.meaning for name in semconv.EMITTED if name.kind == "metric"}
_CUMULATIVE = metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE
Points = Iterable[tuple[Mapping[str, str], float]]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric of what was found: a monotonic sum since the store began (`is_sum`), or a gauge."""

    name: str
    points: Sequence[tuple[Mapping[str, str], float]]
    is_sum: bool = False


def found(db: Database) -> list[Family]:
    """Read what was found, as metrics. The page /metrics and our OTLP export both tell this."""
    sizes, counts = clusters.sizes(db), clusters.counts(db)
    named = {one.cluster_id for one in counts}
    occurrences = [(labels_of(one), one.occurrences) for one in counts]
    return [
        Family(semconv.OCCURRENCES, occurrences, is_sum=True),
        Family(semconv.LOG_RECORDS, [(_labels(one), one.weight) for one in log_views.totals(db)], is_sum=True),
        Family(semconv.CLUSTER_COUNT, [({}, len(sizes))]),
        Family(
            semconv.CLUSTER_SIZE, [({semconv.CLUSTER_ID: id_}, many) for id_, many in sizes.items() if id_ in named]
        ),
        Family(
            semconv.SUGGESTIONS, [({semconv.SUGGESTION_TIER: tier}, n) for tier, n in suggestions.by_tier(db).items()]
        ),
        *_of_runs(run_tally.tallies(db)),
        Family(semconv.FINDINGS_DROPPED, [({}, outbox.dropped(db))], is_sum=True),
        Family(
            semconv.ANOMALIES,
            [
                ({semconv.SERVICE_NAME: service, semconv.ANOMALY_METRIC: metric}, many)
                if metric
                else ({semconv.METRIC_OVERFLOW: "true"}, many)
                for (service, metric), many in anomalies.counts(db).items()
            ],
            is_sum=True,
        ),
    ]


def labels_of(one: Count) -> Mapping[str, str]:
    """Give the attributes of a point: a cluster in a service, or all that are beyond the cap."""
    if not one.cluster_id:
        return {semconv.METRIC_OVERFLOW: "true"}
    return {
        semconv.SERVICE_NAME: one.service,
        semconv.EXCEPTION_TYPE: one.exception_type,
        semconv.CLUSTER_ID: one.cluster_id,
    }


def _of_runs(tallies: Tallies) -> list[Family]:
    counts: list[tuple[Mapping[str, str], float]] = []
    items = Counter[tuple[str, str, str]]()
    for one in tallies.most:
        whose = {semconv.RUN_AGENT: one.agent_name, semconv.RUN_JOB_TYPE: one.job_type}
        counts.append(({**whose, semconv.RUN_STATUS: one.status}, one.runs))
        items.update({(one.agent_name, one.job_type, result): count for result, count in one.items.items()})
    keys = (semconv.RUN_AGENT, semconv.RUN_JOB_TYPE, semconv.RUN_ITEM_RESULT)
    itemised: list[tuple[Mapping[str, str], float]] = [
        (dict(zip(keys, key, strict=True)), count) for key, count in items.items()
    ]
    if tallies.others:
        other = {semconv.METRIC_OVERFLOW: "true"}
        counts.append((other, tallies.others))
        itemised += [({**other, semconv.RUN_ITEM_RESULT: one}, many) for one, many in tallies.other_items.items()]
    return [Family(semconv.RUNS, counts), Family(semconv.RUN_ITEM_COUNT, itemised)]


def _labels(one: LogCount) -> Mapping[str, str]:
    if not one.template_id:
        return {semconv.METRIC_OVERFLOW: "true", semconv.LOG_TEMPLATE_SEVERITY: one.severity}
    return {
        semconv.SERVICE_NAME: one.service,
        semconv.LOG_TEMPLATE_ID: one.template_id,
        semconv.LOG_TEMPLATE_SEVERITY: one.severity,
    }


def export_request(
    instance_id: str,
    families: Iterable[Family],
    registry: CollectorRegistry,
    *,
    others: Iterable[metrics_pb2.Metric] = (),
    since_ns: int,
    started_ns: int,
    now_ns: int,
) -> ExportMetricsServiceRequest:
    """Build one export of everything. Sums of what was found run since the store began, our counters since we did."""
    request = ExportMetricsServiceRequest()
    part = request.resource_metrics.add(resource=our_resource(instance_id))
    scope = part.scope_metrics.add(scope=our_scope())
    scope.metrics.extend(
        _sum(one.name, one.points, since_ns, now_ns) if one.is_sum else _gauge(one.name, one.points, now_ns)
        for one in families
    )
    scope.metrics.extend(_of_registry(registry, started_ns, now_ns))
    scope.metrics.extend(others)
    return request


def prometheus_text(families: Iterable[Family]) -> bytes:
    """Write families as Prometheus names them when they come by OTLP: dots become underscores, sums end in `_total`."""
    registry = CollectorRegistry()
    registry.register(_Families([_prometheus_family(one) for one in families]))
    return generate_latest(registry)


@dataclass(frozen=True, slots=True, eq=False)  # a registry keeps it by identity
class _Families:
    made: Sequence[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.made


def _prometheus_family(one: Family) -> Metric:
    name = _prometheus_name(one.name)
    made = Metric(name, _MEANINGS[one.name], "counter" if one.is_sum else "gauge")
    for labels, value in one.points:
        labelled = {_prometheus_name(key): text for key, text in labels.items()}
        made.add_sample(f"{name}_total" if one.is_sum else name, labelled, value)
    return made


def _prometheus_name(name: str) -> str:
    return name.replace(".", "_")


def _of_registry(registry: CollectorRegistry, started_ns: int, now_ns: int) -> Iterable[metrics_pb2.Metric]:
    for family in registry.collect():
        if family.type == "counter":
            points = ((one.labels, one.value) for one in family.samples if one.name.endswith("_total"))
            yield _sum(family.name, points, started_ns, now_ns)
        elif family.type == "gauge":
            name = _GAUGES.get(family.name, family.name)
            yield _gauge(name, ((one.labels, one.value) for one in family.samples), now_ns)
        elif family.type == "histogram":
            yield _histogram(family, started_ns, now_ns)


_GAUGES = {"otel_insights_clustering_duration_seconds": semconv.CLUSTERING_DURATION}


def _sum(name: str, points: Points, start_ns: int, now_ns: int) -> metrics_pb2.Metric:
    metric = metrics_pb2.Metric(name=name, unit=_UNITS.get(name, ""))
    metric.sum.aggregation_temporality = _CUMULATIVE
    metric.sum.is_monotonic = True
    _fill(metric.sum, points, now_ns, start_ns)
    return metric


def _histogram(family: Metric, start_ns: int, now_ns: int) -> metrics_pb2.Metric:
    """Write Prometheus' cumulative buckets as OTLP's, which each count what the one before does not."""
    metric = metrics_pb2.Metric(name=family.name)
    metric.histogram.aggregation_temporality = _CUMULATIVE
    points: dict[tuple[tuple[str, str], ...], metrics_pb2.HistogramDataPoint] = {}
    for one in family.samples:
        labels = {key: text for key, text in one.labels.items() if key != "le"}
        point = points.get(tuple(labels.items()))
        if point is None:
            point = points[tuple(labels.items())] = metric.histogram.data_points.add(
                attributes=[attribute(key, text) for key, text in labels.items()],
                start_time_unix_nano=start_ns,
                time_unix_nano=now_ns,
            )
        if one.name.endswith("_bucket"):
            point.bucket_counts.append(int(one.value) - sum(point.bucket_counts))
            if one.labels["le"] != "+Inf":
                point.explicit_bounds.append(float(one.labels["le"]))
        elif one.name.endswith("_count"):
            point.count = int(one.value)
        elif one.name.endswith("_sum"):
            point.sum = one.value
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

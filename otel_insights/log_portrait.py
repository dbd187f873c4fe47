"""What is told of log templates beyond their counts, by the API and the command line alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlite_utils import Database

from otel_insights.analysis.log_states import state
from otel_insights.analysis.spikes import KEPT_HOURS
from otel_insights.analysis.together import Rose, risen_hours, rose_together
from otel_insights.report import rfc3339, template_row
from otel_insights.store import cluster_hours, clusters, log_views
from otel_insights.store.log_views import LogTemplate
from otel_insights.store.templates import HOUR_NS, Example

_MOST_TEMPLATES = 2000
_MOST_CLUSTERS = 200
_SHOWN_HOURS = 48


def rows(db: Database, templates: Sequence[LogTemplate]) -> list[dict[str, Any]]:
    """Write templates with the state of each."""
    hours = log_views.hours(db, [one.id for one in templates])
    heard: dict[tuple[str, str], tuple[int, int]] = {}
    written = []
    for one in templates:
        service = one.namespace, one.service
        if service not in heard:
            first, last = log_views.heard(db, *service)
            heard[service] = first // HOUR_NS, last // HOUR_NS
        where = state(hours[one.id], one.first_seen_ns // HOUR_NS, *heard[service])
        written.append(template_row(one) | {"state": where})
    return written


def portrait(db: Database, template: LogTemplate) -> dict[str, Any]:
    """Write one template whole: hours, first lines, what it was merged from, the clusters that rose with it."""
    hours = log_views.hours(db, [template.id])[template.id]
    _, last = log_views.heard(db, template.namespace, template.service)
    shown = range(last // HOUR_NS - _SHOWN_HOURS + 1, last // HOUR_NS + 1)
    return rows(db, [template])[0] | {
        "hours": [{"hour": rfc3339(hour * HOUR_NS), "count": hours.get(hour, 0.0)} for hour in shown],
        "examples": [_example(one) for one in template.examples],
        "merged_from": log_views.merged_from(db, template.id),
        "rose_with_clusters": _clusters_with(db, template, hours),
    }


def _example(one: Example) -> dict[str, Any]:
    return {
        "body": one.body,
        "severity": one.severity,
        "time": rfc3339(one.time_ns),
        "trace_id": one.trace_id.hex(),
        "span_id": one.span_id.hex(),
    }


def rose_with_cluster(db: Database, cluster_id: str) -> list[dict[str, Any]]:
    """Write the templates of a cluster's services that rose in the hours in which the cluster did."""
    cluster = clusters.get(db, cluster_id)
    if cluster is None:
        return []
    window = _window(db, cluster.namespace, cluster.services)
    risen = risen_hours(cluster_hours.of_cluster(db, cluster.id), window)
    if not risen:
        return []
    ids = log_views.of_services(db, cluster.namespace, cluster.services, _MOST_TEMPLATES)
    found = rose_together(risen, window, log_views.hours(db, ids).items())
    made = [(one, log_views.get(db, one.id)) for one in found]
    return [
        {"id": one.id, "service": template.service, "template": template.text, **_numbers(one)}
        for one, template in made
        if template is not None
    ]


def _clusters_with(db: Database, template: LogTemplate, hours: dict[int, float]) -> list[dict[str, Any]]:
    window = _window(db, template.namespace, [template.service])
    ids = cluster_hours.of_service(db, template.namespace, template.service, _MOST_CLUSTERS)
    found: list[tuple[str, Rose]] = []
    for id_ in ids:
        risen = risen_hours(cluster_hours.of_cluster(db, id_), window)
        found += [(id_, one) for one in rose_together(risen, window, [(template.id, hours)], asked=len(ids))]
    found.sort(key=lambda pair: (pair[1].log_p, pair[0]))
    made = [(clusters.get(db, id_), one) for id_, one in found[:5]]
    return [{"id": one.id, "title": one.title, **_numbers(rose)} for one, rose in made if one is not None]


def _window(db: Database, namespace: str, services: Iterable[str]) -> range:
    """Give the hours that are compared: those of the services' logs, as far as hours are kept."""
    heard = [pair for service in services if (pair := log_views.heard(db, namespace, service))[1]]
    if not heard:
        return range(0)
    last = max(pair[1] for pair in heard) // HOUR_NS
    return range(max(min(pair[0] for pair in heard) // HOUR_NS, last - KEPT_HOURS + 1), last + 1)


def _numbers(one: Rose) -> dict[str, float]:
    return {"count": one.count, "usual": round(one.expected, 1)}

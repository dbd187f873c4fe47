"""What came up together: log templates that rose in the hours of a cluster of exceptions, or of an anomaly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from otel_insights.analysis.spikes import KEPT_HOURS
from otel_insights.analysis.together import Rose, risen_hours, rose_together
from otel_insights.anomaly_news import sentence
from otel_insights.store import anomalies, cluster_hours, clusters, log_views
from otel_insights.store.anomalies import Anomaly
from otel_insights.store.engine import Database
from otel_insights.store.log_views import LogTemplate
from otel_insights.store.templates import HOUR_NS

_MOST_TEMPLATES: Final = 2000
_MOST_OTHERS: Final = 200
"""Clusters, or anomalies, that are asked about for one template."""
_SHOWN: Final = 5


def templates_with_cluster(db: Database, cluster_id: str) -> list[dict[str, Any]]:
    """Write the templates of a cluster's services that rose in the hours in which the cluster did."""
    cluster = clusters.get(db, cluster_id)
    if cluster is None:
        return []
    window = _window(db, cluster.namespace, cluster.services)
    risen = risen_hours(cluster_hours.of_cluster(db, cluster.id), window)
    return _templates(db, cluster.namespace, cluster.services, risen, window)


def templates_with_anomaly(db: Database, anomaly: Anomaly) -> list[dict[str, Any]]:
    """Write the templates of an anomaly's service that rose in the hours in which it went on."""
    window = _window(db, anomaly.namespace, [anomaly.service])
    return _templates(db, anomaly.namespace, [anomaly.service], _hours_of(anomaly, window), window)


def _templates(
    db: Database, namespace: str, services: Iterable[str], risen: frozenset[int], window: range
) -> list[dict[str, Any]]:
    if not risen:
        return []
    ids = log_views.of_services(db, namespace, list(services), _MOST_TEMPLATES)
    found = rose_together(risen, window, log_views.hours(db, ids).items(), most=_SHOWN)
    made = [(one, log_views.get(db, one.id)) for one in found]
    return [
        {"id": one.id, "service": template.service, "template": template.text, **_numbers(one)}
        for one, template in made
        if template is not None
    ]


def clusters_with(db: Database, template: LogTemplate, hours: Mapping[int, float]) -> list[dict[str, Any]]:
    """Write the clusters of a template's service in whose hours the template rose."""
    window = _window(db, template.namespace, [template.service])
    ids = cluster_hours.of_service(db, template.namespace, template.service, _MOST_OTHERS)
    risen = {id_: risen_hours(cluster_hours.of_cluster(db, id_), window) for id_ in ids}
    made = [(clusters.get(db, id_), one) for id_, one in _rose_with(template.id, hours, risen, window)]
    return [{"id": one.id, "title": one.title, **_numbers(rose)} for one, rose in made if one is not None]


def anomalies_with(db: Database, template: LogTemplate, hours: Mapping[int, float]) -> list[dict[str, Any]]:
    """Write the anomalies of a template's service in whose hours it rose, but for those that people call none."""
    window = _window(db, template.namespace, [template.service])
    if not window:
        return []
    asked = {
        one.id: one
        for one in anomalies.page(db, service=template.service, since_ns=window.start * HOUR_NS, limit=_MOST_OTHERS)
        if one.namespace == template.namespace and one.verdict != "not_anomaly"
    }
    risen = {id_: _hours_of(one, window) for id_, one in asked.items()}
    found = _rose_with(template.id, hours, risen, window)
    return [{"id": id_, "title": sentence(asked[id_]), **_numbers(one)} for id_, one in found]


def _rose_with(
    template_id: str, hours: Mapping[int, float], risen: Mapping[str, frozenset[int]], window: range
) -> list[tuple[str, Rose]]:
    """Find in whose hours a template rose, the least probable first."""
    found = [
        (id_, one)
        for id_, those in risen.items()
        for one in rose_together(those, window, [(template_id, hours)], asked=len(risen))
    ]
    return sorted(found, key=lambda pair: (pair[1].log_p, pair[0]))[:_SHOWN]


def _hours_of(anomaly: Anomaly, window: range) -> frozenset[int]:
    """Give the hours of a window in which an anomaly went on; none where that is no minority of them."""
    ended = window.stop * HOUR_NS if anomaly.closed_ns is None else anomaly.closed_ns
    within = range(max(anomaly.opened_ns // HOUR_NS, window.start), min(ended // HOUR_NS + 1, window.stop))
    return frozenset(within) if 2 * len(within) <= len(window) else frozenset()


def _window(db: Database, namespace: str, services: Iterable[str]) -> range:
    """Give the hours that are compared: those of the services' logs, as far as hours are kept."""
    heard = [pair for service in services if (pair := log_views.heard(db, namespace, service))[1]]
    if not heard:
        return range(0)
    last = max(pair[1] for pair in heard) // HOUR_NS
    return range(max(min(pair[0] for pair in heard) // HOUR_NS, last - KEPT_HOURS + 1), last + 1)


def _numbers(one: Rose) -> dict[str, float]:
    return {"count": one.count, "usual": round(one.expected, 1)}

"""REPORT.json: what an analysis found, in one document."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from otel_insights.store import Store, anomalies, clusters, log_views, suggestions
from otel_insights.store.anomalies import Anomaly
from otel_insights.store.clusters import Cluster
from otel_insights.store.log_views import LogTemplate

_PAGE = 500


def rfc3339(time_ns: int) -> str:
    """Write a time as RFC 3339 in UTC, to the microsecond.

    >>> rfc3339(1_700_000_000_000_000_000)
    '2023-11-14T22:13:20.000000Z'
    """
    return datetime.fromtimestamp(time_ns / 1e9, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def cluster_row(cluster: Cluster) -> dict[str, Any]:
    """Write a cluster as the report and the API show it."""
    count = cluster.count
    return {
        "id": cluster.id,
        "namespace": cluster.namespace,
        "title": cluster.title,
        "exception_type": cluster.exception_type,
        "count": int(count) if count == int(count) else count,
        "environments": cluster.environments,
        "services": list(cluster.services),
        "first_seen": rfc3339(cluster.first_seen_ns),
        "last_seen": rfc3339(cluster.last_seen_ns),
        "fingerprints": list(cluster.fingerprints),
    }


def template_row(template: LogTemplate) -> dict[str, Any]:
    """Write a log template as the report shows it."""
    return {
        "id": template.id,
        "namespace": template.namespace,
        "service": template.service,
        "template": template.text,
        "name": template.name or None,
        "count": int(template.count),
        "severity": template.severity,
        "severities": {name: int(count) for name, count in sorted(template.counts.items())},
        "first_seen": rfc3339(template.first_seen_ns),
        "last_seen": rfc3339(template.last_seen_ns),
        "examples": [one.body for one in template.examples],
    }


def anomaly_row(one: Anomaly) -> dict[str, Any]:
    """Write an anomaly as the report shows it."""
    return {
        "id": one.id,
        "metric": one.metric,
        "part": one.part or None,
        "namespace": one.namespace,
        "service": one.service,
        "instance": one.instance,
        "resource": json.loads(one.resource),
        "attributes": json.loads(one.attributes),
        "start": rfc3339(one.opened_ns),
        "end": rfc3339(one.closed_ns) if one.closed_ns is not None else None,
        "ended": one.ended or None,
        "peak_score": one.score,
        "observed": one.observed,
        "expected": one.expected,
        "lower": one.lower,
        "upper": one.upper,
        "direction": one.direction,
        "detector": one.detector,
        "verdict": one.verdict or None,
        "trace_id": one.trace_id,
        "span_id": one.span_id,
    }


async def all_anomalies(store: Store) -> Sequence[Anomaly]:
    """Read every anomaly, page by page, the latest first."""
    found: list[Anomaly] = []
    while part := await store.read(anomalies.page, after=found[-1].id if found else "", limit=_PAGE):
        found += part
    return found


async def all_templates(store: Store) -> Sequence[LogTemplate]:
    """Read every log template, page by page."""
    found: list[LogTemplate] = []
    while part := await store.read(log_views.page, after=found[-1].id if found else "", limit=_PAGE):
        found += part
    return found


async def all_clusters(store: Store) -> Sequence[Cluster]:
    """Read every cluster, page by page."""
    found: list[Cluster] = []
    while part := await store.read(clusters.page, after=found[-1].id if found else "", limit=_PAGE):
        found += part
    return found


async def report(store: Store, counts: Mapping[str, Any]) -> dict[str, Any]:
    """Write the whole report; `counts` tells what was read."""
    found = await all_clusters(store)
    said: list[Mapping[str, object]] = []
    silences: list[dict[str, str]] = []
    for cluster in found:
        said += [one.body for one in await store.read(suggestions.of_cluster, cluster.id)]
        if silence := await store.read(suggestions.silence_of, cluster.id):
            silences.append(
                {"cluster_id": cluster.id, "namespace": cluster.namespace, "reason": silence[0], "text": silence[1]}
            )
    return {
        "clusters": [cluster_row(cluster) for cluster in found],
        "suggestions": said,
        "silences": silences,
        "templates": [template_row(one) for one in await all_templates(store)],
        "anomalies": [anomaly_row(one) for one in await all_anomalies(store)],
        "counts": dict(counts),
    }

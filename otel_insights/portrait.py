"""What is told of one cluster beyond its counts, by the API and the command line alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from otel_insights.companions import templates_with_cluster
from otel_insights.report import rfc3339
from otel_insights.store import clusters, lives, sightings
from otel_insights.store.engine import Database
from otel_insights.store.sightings import Version


def state_of(db: Database, cluster_id: str) -> str:
    """Tell where a cluster stands; what no analysis has looked at is new."""
    life = lives.get(db, cluster_id)
    return life.state if life else "new"


def portrait(db: Database, cluster_id: str) -> dict[str, Any]:
    """Write a cluster's life, versions, exemplars, relatives and history."""
    life = lives.get(db, cluster_id)
    changes = lives.changes(db, cluster_id)
    versions = [_version(one) for one in sightings.versions(db, cluster_id)]
    return {
        "state": life.state if life else "new",
        "state_since": rfc3339(life.since_ns) if life else None,
        "archived_until": rfc3339(life.until_ns) if life and life.until_ns is not None else None,
        "resolved_by": (life.resolved_by or None) if life else None,
        "first_version": versions[0]["version"] if versions else None,
        "versions": versions,
        "similar": [
            {"id": one.id, "title": one.title, "similarity": one.similarity} for one in clusters.similar(db, cluster_id)
        ],
        "rose_with_templates": templates_with_cluster(db, cluster_id),
        "exemplars": _exemplars(lives.witnesses(db, cluster_id)),
        "merged_from": sorted({one.cluster_id for one in changes if one.kind == "merged" and one.other == cluster_id}),
        "history": [
            {
                "time": rfc3339(one.time_ns),
                "cluster_id": one.cluster_id,
                "change": one.kind,
                "other": one.other or None,
                "decided_by": one.decided_by,
            }
            for one in changes
        ],
    }


def _version(one: Version) -> dict[str, str]:
    return {
        "service": one.service,
        "version": one.version,
        "first_seen": rfc3339(one.first_seen_ns),
        "last_seen": rfc3339(one.last_seen_ns),
    }


def _exemplars(found: Sequence[lives.Witness]) -> list[dict[str, str]]:
    return [
        {
            "trace_id": one.trace_id,
            "span_id": one.span_id,
            "time": rfc3339(one.time_ns),
            "service": one.service,
            "instance": one.instance,
        }
        for one in found
    ]

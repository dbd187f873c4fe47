"""A cluster of exceptions in a few sentences that follow from what is known alone."""

from __future__ import annotations

from typing import Any, Final

from otel_insights import companions
from otel_insights.portrait import state_of
from otel_insights.report import rfc3339
from otel_insights.store import cluster_hours, cluster_lists, clusters, sightings, suggestions
from otel_insights.store.clusters import Cluster
from otel_insights.store.engine import Database
from otel_insights.summary_words import busiest, by_service, counted, minute, ranked, rose_with

MODEL_VERSION: Final = "clusters-1"
"""How summaries are made; another one when that changes."""
_SAMPLES: Final = 5
_EXAMPLES: Final = 20
_SAID: Final = 3


def summary(db: Database, cluster_id: str) -> dict[str, Any] | None:
    """Summarise a cluster with what explains it; None for an unknown id. A merged one gives the one that goes on."""
    one = clusters.get(db, cluster_id)
    if one is None:
        return None
    services = ranked(cluster_hours.by_service(db, one.id))
    examples = [f"{each.exception_type}: {each.message}" for each in clusters.examples(db, one.id, limit=_EXAMPLES)]
    where = f"{one.environments:,} environment{'s' if one.environments != 1 else ''}"
    said = [
        counted(one.count, f"exception in {where}", f"exceptions in {where}", one.title),
        f"Raised by {by_service(services)}, from {minute(one.first_seen_ns)} to {minute(one.last_seen_ns)}.",
        *busiest(cluster_hours.of_cluster(db, one.id)),
    ]
    return {
        "cluster_id": one.id,
        "signature": cluster_lists.texts(db, [one.id]).get(one.id, one.title),
        "summary": " ".join(said),
        "support_count": int(one.count),
        "services": {service: int(count) for service, count in services.items()},
        "sample_messages": list(dict.fromkeys(examples))[:_SAMPLES],
        "ts_range": [rfc3339(one.first_seen_ns), rfc3339(one.last_seen_ns)],
        "explanation": _explanation(db, one),
        "model_version": MODEL_VERSION,
    }


def _explanation(db: Database, one: Cluster) -> list[str]:
    """Say in which state it is, what explains it, and what rose with it."""
    versions = sightings.versions(db, one.id)
    since = f", first seen in version {versions[0].version}" if versions else ""
    said = [f"It is {state_of(db, one.id)}{since}."]
    for each in suggestions.of_cluster(db, one.id)[:_SAID]:
        lead = "" if each.body["tier"] == "established" else "Unproven: "
        said.append(f"{lead}{each.body['text']}")
    if silence := suggestions.silence_of(db, one.id):
        said.append(f"Nothing is established: {silence[1]}")
    rose = companions.templates_with_cluster(db, one.id)[:_SAID]
    return said + rose_with([(each["template"], each["count"], each["usual"]) for each in rose], "log line")

"""Which clusters of exceptions began in a service within a time, spiked in it, or came back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from otel_insights.store.engine import Database

_MOST: Final = 20


@dataclass(frozen=True, slots=True)
class Beginning:
    """A cluster that began to fail: `how` is `new`, `escalating` or `regressed`."""

    cluster_id: str
    title: str
    how: str
    time_ns: int
    instances: frozenset[str]
    """Where it failed first within that time; empty where it had failed before."""


def began(db: Database, namespace: str, service: str, from_ns: int, until_ns: int) -> list[Beginning]:
    """List them, the earliest first, each once; at most a score."""
    asked = {"namespace": namespace, "service": service, "from": from_ns, "until": until_ns, "most": _MOST}
    found: dict[str, Beginning] = {}
    for id_, title, time_ns, instances in db.execute(_NEW, asked).fetchall():
        found[id_] = Beginning(id_, title, "new", time_ns, frozenset(json.loads(instances)))
    for id_, title, how, time_ns in db.execute(_CHANGED, asked).fetchall():
        found.setdefault(id_, Beginning(id_, title, how, time_ns, frozenset()))
    return sorted(found.values(), key=lambda one: (one.time_ns, one.cluster_id))


_NEW: Final = """
    SELECT cluster.id, cluster.title, first_seen_ns, (
        SELECT json_group_array(DISTINCT instance) FROM fingerprint
        JOIN failure ON failure.namespace = fingerprint.namespace AND failure.fingerprint = fingerprint.id
        JOIN environment ON environment.id = environment_id
        WHERE fingerprint.cluster_id = cluster.id AND environment.service = :service
          AND weight > 0 AND failure.first_seen_ns <= :until)
    FROM cluster_service JOIN cluster ON cluster.id = cluster_id
    WHERE service = :service AND first_seen_ns BETWEEN :from AND :until AND namespace = :namespace
    ORDER BY first_seen_ns, cluster.id LIMIT :most
"""
_CHANGED: Final = """
    SELECT DISTINCT cluster.id, cluster.title, kind, time_ns FROM cluster_change
    JOIN cluster ON cluster.id = cluster_change.cluster_id
    WHERE kind IN ('escalating', 'regressed') AND time_ns BETWEEN :from AND :until AND namespace = :namespace
      AND EXISTS (SELECT 1 FROM cluster_service WHERE cluster_id = cluster.id AND service = :service)
    ORDER BY time_ns DESC, cluster.id LIMIT :most
"""

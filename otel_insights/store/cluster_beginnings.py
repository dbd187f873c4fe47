"""Which clusters of exceptions began in a service within a time, spiked in it, or came back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from sqlite_utils import Database

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


_OF_SERVICE = """
    FROM fingerprint JOIN failure ON failure.namespace = fingerprint.namespace
         AND failure.fingerprint = fingerprint.id AND failure.weight > 0
    JOIN environment ON environment.id = failure.environment_id
    JOIN cluster ON cluster.id = fingerprint.cluster_id
    WHERE fingerprint.namespace = :namespace AND environment.service = :service
"""
_NEW: Final = (
    "SELECT cluster.id, cluster.title, min(failure.first_seen_ns),"
    " json_group_array(DISTINCT environment.instance) FILTER (WHERE failure.first_seen_ns <= :until)"
    f"{_OF_SERVICE} GROUP BY cluster.id HAVING min(failure.first_seen_ns) BETWEEN :from AND :until"
    " ORDER BY 3, 1 LIMIT :most"
)
_CHANGED: Final = (
    "SELECT DISTINCT cluster.id, cluster.title, kind, time_ns FROM cluster_change"  # noqa: S608 - text of ours
    " JOIN cluster ON cluster.id = cluster_change.cluster_id"
    " WHERE kind IN ('escalating', 'regressed') AND time_ns BETWEEN :from AND :until AND cluster.id IN"
    f" (SELECT cluster.id {_OF_SERVICE}) ORDER BY time_ns DESC, cluster.id LIMIT :most"
)

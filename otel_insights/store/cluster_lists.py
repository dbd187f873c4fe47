"""Clusters as people look for them: filtered, in an order, some at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from otel_insights.store.engine import Database

OPEN: Final = ("new", "ongoing", "escalating", "regressed")
STATES: Final = (*OPEN, "resolved", "archived")
ORDERS: Final = {
    "last": "last_seen_ns",
    "first": "first_seen_ns",
    "count": "occurrences",
    "environments": "environments",
}
"""What lists can be ordered by, the greatest first, with the column of each."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which clusters, in which order. None and "" leave nothing out; `text` is looked for in titles and types."""

    states: Sequence[str] = OPEN
    namespace: str | None = None
    service: str = ""
    text: str = ""
    order: str = "last"


@dataclass(frozen=True, slots=True)
class Listed:
    """A cluster in a list, with what it is ordered by."""

    id: str
    namespace: str
    title: str
    exception_type: str
    count: float
    environments: int
    services: tuple[str, ...]
    first_seen_ns: int
    last_seen_ns: int
    state: str
    tier: str
    """`established` or `lead`: the best explanation of it that holds; empty without one."""

    def place(self, order: str) -> tuple[float, str]:
        """Tell where it stands in an order: what comes behind it is listed with this as `after`."""
        ordered = {"last": self.last_seen_ns, "first": self.first_seen_ns, "count": self.count}
        return ordered.get(order, self.environments), self.id


def listed(db: Database, wanted: Wanted, after: tuple[float, str] | None = None, limit: int = 50) -> list[Listed]:
    """List clusters behind the place given.

    They are found and ordered by what is known of their fingerprints; environments, of which there may be very many for
    each, are looked at for those alone that are given back (or, to order by them, for all).
    """
    column = ORDERS[wanted.order]
    behind = f"WHERE ({column}, id) < (:place, :id)" if after else ""
    spread = _SPREAD if wanted.order == "environments" else "0"
    rows = db.execute(
        f"SELECT * FROM ({_FOUND.format(environments=spread)}) AS found {behind}"  # noqa: S608 - of ORDERS
        f" ORDER BY {column} DESC, id DESC LIMIT :limit",
        {**_filters(wanted), "place": after[0] if after else 0, "id": after[1] if after else "", "limit": limit},
    ).fetchall()
    whose = _whose(db, [row[0] for row in rows])
    return [_listed(row, *whose.get(row[0], (0, ()))) for row in rows]


def _listed(row: Sequence[Any], environments: int, services: tuple[str, ...]) -> Listed:
    id_, namespace, title, exception_type, count, _, *rest = row
    return Listed(id_, namespace, title, exception_type, count, environments, services, *rest)


_SPREAD = "(SELECT sum(environments) FROM cluster_service WHERE cluster_id = cluster.id)"
_FOUND = """
    SELECT cluster.id, cluster.namespace, cluster.title, cluster.exception_type, sum(occurrences) AS occurrences,
           {environments} AS environments, min(first_seen_ns) AS first_seen_ns, max(last_seen_ns) AS last_seen_ns,
           coalesce(cluster_life.state, 'new'),
           coalesce((SELECT min(tier) FROM suggestion WHERE suggestion.cluster_id = cluster.id
                     AND withdrawn_ns IS NULL), '')
    FROM cluster
    LEFT JOIN cluster_life ON cluster_life.cluster_id = cluster.id
    JOIN fingerprint ON fingerprint.cluster_id = cluster.id AND occurrences > 0
    WHERE coalesce(cluster_life.state, 'new') IN (SELECT value FROM json_each(:states))
      AND cluster.namespace = coalesce(:namespace, cluster.namespace)
      AND (:text = '' OR instr(lower(cluster.title || ' ' || cluster.exception_type || ' ' || cluster.id), :text) > 0)
      AND (:service = '' OR cluster.id IN (SELECT cluster_id FROM cluster_service WHERE service = :service))
    GROUP BY cluster.id, cluster_life.cluster_id
"""


def _whose(db: Database, ids: Iterable[str]) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Count the environments of clusters, and name their services."""
    rows = db.execute(
        "SELECT cluster_id, sum(environments), json_group_array(service) FROM cluster_service"
        " WHERE cluster_id IN (SELECT value FROM json_each(?)) GROUP BY cluster_id",
        [json.dumps(list(ids))],
    )
    return {row[0]: (row[1], tuple(sorted(json.loads(row[2])))) for row in rows}


def _filters(wanted: Wanted) -> dict[str, Any]:
    return {
        "states": json.dumps(list(wanted.states or STATES)),
        "namespace": wanted.namespace,
        "service": wanted.service,
        "text": wanted.text.lower(),
    }


def by_state(db: Database) -> dict[str, int]:
    """Count the clusters that hold something, by where they stand."""
    rows = db.execute(
        "SELECT coalesce(state, 'new'), count(*) FROM cluster LEFT JOIN cluster_life ON cluster_id = cluster.id"
        " WHERE EXISTS (SELECT 1 FROM fingerprint WHERE fingerprint.cluster_id = cluster.id AND occurrences > 0)"
        " GROUP BY 1"
    )
    return dict.fromkeys(STATES, 0) | dict(rows.fetchall())


def hours(db: Database, ids: Iterable[str], since_hour: int) -> dict[str, dict[int, float]]:
    """Count the occurrences of clusters by the hour (since the epoch), from an hour on."""
    rows = db.execute(
        "SELECT cluster_id, hour, sum(weight) FROM fingerprint JOIN fingerprint_hour"
        " ON fingerprint_hour.namespace = fingerprint.namespace AND fingerprint_hour.fingerprint = fingerprint.id"
        " WHERE cluster_id IN (SELECT value FROM json_each(?)) AND hour >= ? GROUP BY 1, 2",
        [json.dumps(list(ids)), since_hour],
    )
    found: dict[str, dict[int, float]] = {}
    for id_, hour, weight in rows:
        found.setdefault(id_, {})[hour] = weight
    return found


def where_things_failed(db: Database) -> tuple[list[str], list[str]]:
    """List the namespaces and the services of clusters, for people to choose from."""
    rows = db.execute(
        "SELECT DISTINCT namespace, service FROM cluster_service JOIN cluster ON cluster.id = cluster_id"
    ).fetchall()
    return sorted({row[0] for row in rows}), sorted({row[1] for row in rows})


@dataclass(frozen=True, slots=True)
class Member:
    """A fingerprint of a cluster; `probability` is how sure the clustering is of it, 0..1."""

    fingerprint: str
    title: str
    occurrences: float
    probability: float
    reasons: tuple[str, ...]
    last_seen_ns: int


def members(db: Database, cluster_id: str, limit: int = 200) -> list[Member]:
    """List what a cluster holds, the most frequent first."""
    rows = db.execute(
        "SELECT id, title, occurrences, probability, reasons, last_seen_ns FROM fingerprint"
        " WHERE cluster_id = ? AND occurrences > 0 ORDER BY occurrences DESC, id LIMIT ?",
        [cluster_id, limit],
    )
    return [Member(row[0], row[1], row[2], row[3], tuple(json.loads(row[4])), row[5]) for row in rows]


def neighbours(db: Database, cluster_id: str, limit: int = 200) -> list[tuple[str, str]]:
    """Give ids and titles of the other clusters of a namespace: those possibly the same first, then the latest."""
    rows = db.execute(
        "SELECT other.id, other.title FROM cluster JOIN cluster other ON other.namespace = cluster.namespace"
        " AND other.id != cluster.id AND other.merged_into IS NULL"
        " LEFT JOIN similar_cluster ON similar_cluster.cluster_id = cluster.id AND other_id = other.id"
        " WHERE cluster.id = ? AND EXISTS"
        " (SELECT 1 FROM fingerprint WHERE fingerprint.cluster_id = other.id AND occurrences > 0)"
        " ORDER BY similarity IS NULL, similarity DESC, other.created_ns DESC, other.id LIMIT ?",
        [cluster_id, limit],
    )
    return [(row[0], row[1]) for row in rows]


def texts(db: Database, ids: Iterable[str]) -> dict[str, str]:
    """Read the signature of each cluster's most frequent fingerprint, by the cluster's id."""
    rows = db.execute(
        "SELECT cluster_id, signature FROM (SELECT cluster_id, signature, row_number() OVER"
        " (PARTITION BY cluster_id ORDER BY occurrences DESC, id) AS place FROM fingerprint"
        " WHERE cluster_id IN (SELECT value FROM json_each(?))) AS placed WHERE place = 1",
        [json.dumps(list(ids))],
    )
    return {row[0]: row[1] for row in rows}


def alike(db: Database, ids: Iterable[str]) -> list[tuple[str, str, float]]:
    """List the pairs of these clusters that are possibly the same, each once, with how alike they are (0..1)."""
    rows = db.execute(
        "SELECT min(cluster_id, other_id), max(cluster_id, other_id), max(similarity) FROM similar_cluster"
        " WHERE cluster_id IN (SELECT value FROM json_each(:ids)) AND other_id IN (SELECT value FROM json_each(:ids))"
        " GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
        {"ids": json.dumps(list(ids))},
    )
    return [(row[0], row[1], row[2]) for row in rows]

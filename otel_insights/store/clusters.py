"""Clusters: which fingerprints belong together, under ids that never change their meaning."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from otel_insights.analysis.grouping import Grouping, Signature
from otel_insights.store.engine import Database


@dataclass(frozen=True, slots=True)
class Membership:
    """A fingerprint's cluster, and how sure the clustering is of it (0..1)."""

    cluster_id: str
    probability: float


def namespaces(db: Database) -> list[str]:
    """Tell the namespaces in which something has failed."""
    return [row[0] for row in db.execute("SELECT DISTINCT namespace FROM fingerprint ORDER BY namespace")]


def signatures(db: Database, namespace: str) -> list[Signature]:
    """Read what is clustered: all fingerprints of a namespace that an occurrence still stands for."""
    rows = db.execute(
        "SELECT id, exception_type, title, signature, block, complete, occurrences, fingerprint.cluster_id,"
        " pin.cluster_id, coalesce(rule_id, 0) > 0 FROM fingerprint LEFT JOIN pin"
        " ON pin.namespace = fingerprint.namespace AND pin.fingerprint = fingerprint.id"
        " WHERE fingerprint.namespace = ? AND occurrences > 0 AND folded = 0 ORDER BY id",
        [namespace],
    )
    return [Signature(*row) for row in rows]


def memberships(db: Database) -> dict[tuple[str, str], Membership]:
    """Read the cluster of every (namespace, fingerprint)."""
    rows = db.execute(
        "SELECT namespace, id, cluster_id, probability FROM fingerprint"
        " WHERE cluster_id IS NOT NULL AND occurrences > 0 AND folded = 0"
    )
    return {(row[0], row[1]): Membership(row[2], row[3]) for row in rows}


def save(db: Database, namespace: str, grouping: Grouping, time_ns: int) -> None:
    """Swap in the result of a clustering, whole. Whoever calls writes the findings in the same transaction."""
    db.conn.executemany(
        "INSERT INTO cluster (id, namespace, title, exception_type, created_ns) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET merged_into = NULL",
        [(new.id, namespace, new.title, new.exception_type, time_ns) for new in grouping.created],
    )
    db.conn.executemany(
        "UPDATE fingerprint SET cluster_id = ?, probability = ? WHERE namespace = ? AND id = ?",
        [(*member, namespace, fingerprint) for fingerprint, member in grouping.members.items()],
    )
    db.execute(
        "DELETE FROM similar_cluster WHERE cluster_id IN (SELECT id FROM cluster WHERE namespace = ?)", [namespace]
    )
    db.conn.executemany(
        "INSERT INTO similar_cluster VALUES (?, ?, ?)",
        [(one, *other) for one, others in grouping.similar.items() for other in others],
    )


def folded_away(db: Database, namespace: str) -> list[str]:
    """List the clusters that have fingerprints which are not clustered, since they were not seen for long."""
    rows = db.execute(
        "SELECT DISTINCT cluster_id FROM fingerprint WHERE namespace = ? AND folded = 1 AND cluster_id IS NOT NULL",
        [namespace],
    )
    return [row[0] for row in rows]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster as it is shown. Times are nanoseconds since the epoch; `count` is of occurrences."""

    id: str
    namespace: str
    title: str
    exception_type: str
    count: float
    environments: int
    services: tuple[str, ...]
    first_seen_ns: int
    last_seen_ns: int
    fingerprints: tuple[str, ...]


_SUMMARY = """
    SELECT cluster.id, cluster.namespace, cluster.title, cluster.exception_type, sum(cluster_service.occurrences),
           sum(environments), json_group_array(service), min(first_seen_ns), max(last_seen_ns),
           (SELECT json_group_array(id) FROM fingerprint WHERE cluster_id = cluster.id AND occurrences > 0)
    FROM cluster JOIN cluster_service ON cluster_service.cluster_id = cluster.id
    WHERE {where}
    GROUP BY cluster.id
"""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which clusters; None and "" leave nothing out. `text` is looked for in titles and types, whatever the case."""

    namespace: str | None = None
    service: str = ""
    state: str = ""
    text: str = ""


_EVERYTHING = Filter()
_WANTED = """
    cluster.id IN (
        SELECT id FROM cluster LEFT JOIN cluster_life ON cluster_life.cluster_id = id
        WHERE id > :after AND merged_into IS NULL AND namespace = coalesce(:namespace, namespace)
          AND (:state = '' OR coalesce(state, 'new') = :state)
          AND (:text = '' OR instr(lower(title || ' ' || exception_type), :text) > 0)
          AND EXISTS (SELECT 1 FROM cluster_service WHERE cluster_id = id AND :service IN ('', service))
        ORDER BY id LIMIT :limit)
"""


def page(db: Database, *, after: str = "", limit: int = 100, wanted: Filter = _EVERYTHING) -> list[Cluster]:
    """List clusters in order of their ids, from the one behind `after` on."""
    asked = {**asdict(wanted), "text": wanted.text.lower(), "after": after, "limit": limit}
    return [_cluster(row) for row in db.execute(_SUMMARY.format(where=_WANTED) + " ORDER BY cluster.id", asked)]


def get(db: Database, cluster_id: str) -> Cluster | None:
    """Find one cluster; the id of one that was merged leads to the surviving one."""
    found = surviving(db, cluster_id)
    row = db.execute(_SUMMARY.format(where="cluster.id = ?"), [found]).fetchone() if found else None
    return _cluster(row) if row else None


def surviving(db: Database, cluster_id: str) -> str | None:
    """Follow an id to the cluster that goes on for it, over any number of merges; None for an unknown id."""
    followed: set[str] = set()
    while cluster_id not in followed:
        followed.add(cluster_id)
        row = db.execute("SELECT merged_into FROM cluster WHERE id = ?", [cluster_id]).fetchone()
        if row is None:
            return None
        if row[0] is None:
            break
        cluster_id = row[0]
    return cluster_id


def heading(db: Database, cluster_id: str) -> tuple[str, str, str]:
    """Tell the namespace, title and exception type of a cluster that exists."""
    sql = "SELECT namespace, title, exception_type FROM cluster WHERE id = ?"
    row: tuple[str, str, str] = db.execute(sql, [cluster_id]).fetchone()
    return row


@dataclass(frozen=True, slots=True)
class Similar:
    """A cluster that is possibly the same as another one; `similarity` of their texts is 0..1."""

    id: str
    title: str
    similarity: float


def similar(db: Database, cluster_id: str) -> list[Similar]:
    """List the clusters that are possibly the same, the most similar first."""
    rows = db.execute(
        "SELECT other_id, title, similarity FROM similar_cluster JOIN cluster ON cluster.id = other_id"
        " WHERE cluster_id = ? AND merged_into IS NULL ORDER BY similarity DESC, other_id",
        [cluster_id],
    )
    return [Similar(*row) for row in rows]


def _cluster(row: Sequence[object]) -> Cluster:
    values = list(row)
    values[6] = tuple(sorted(json.loads(str(row[6]))))
    values[9] = tuple(sorted(json.loads(str(row[9]))))
    return Cluster(*values)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Example:
    """A raise to look at: where it is to be found in the traces, and what it said."""

    fingerprint: str
    exception_type: str
    message: str
    stacktrace: str
    reasons: tuple[str, ...]
    trace_id: str
    span_id: str
    time_ns: int


def examples(db: Database, cluster_id: str, limit: int = 5) -> list[Example]:
    """Show a cluster's most frequent fingerprints, each with its latest occurrence."""
    rows = db.execute(
        "SELECT fingerprint.id, exception_type, message, stacktrace, reasons,"
        " coalesce(hex(trace_id), ''), coalesce(hex(span_id), ''), coalesce(time_ns, last_seen_ns)"
        " FROM fingerprint JOIN example ON example.namespace = fingerprint.namespace"
        " AND example.fingerprint = fingerprint.id LEFT JOIN exemplar ON exemplar.namespace = fingerprint.namespace"
        " AND exemplar.fingerprint = fingerprint.id AND exemplar.environment_id ="
        " (SELECT e.environment_id FROM exemplar e WHERE e.namespace = fingerprint.namespace"
        "  AND e.fingerprint = fingerprint.id ORDER BY e.time_ns DESC LIMIT 1)"
        " WHERE cluster_id = ? AND occurrences > 0 ORDER BY occurrences DESC, fingerprint.id LIMIT ?",
        [cluster_id, limit],
    )
    return [
        Example(row[0], row[1], row[2], row[3], tuple(json.loads(row[4])), row[5].lower(), row[6].lower(), row[7])
        for row in rows
    ]


def known_examples(db: Database, after: tuple[str, str], limit: int = 200) -> list[tuple[str, str, str, str, str]]:
    """List fingerprints that have clusters (namespace, id, type, message, stack trace) behind the one given."""
    rows: list[tuple[str, str, str, str, str]] = db.execute(
        "SELECT fingerprint.namespace, id, exception_type, message, stacktrace FROM fingerprint JOIN example"
        " ON example.namespace = fingerprint.namespace AND example.fingerprint = fingerprint.id"
        " WHERE (fingerprint.namespace, id) > (?, ?) AND cluster_id IS NOT NULL AND folded = 0"
        " ORDER BY fingerprint.namespace, id LIMIT ?",
        [*after, limit],
    ).fetchall()
    return rows


def inherit(db: Database, heirs: Mapping[tuple[str, str], str]) -> None:
    """Pin fingerprints that do not exist yet, and those whose heirs they are, to the clusters of the latter."""
    db.conn.executemany(
        "INSERT INTO pin (namespace, fingerprint, cluster_id) SELECT namespace, ?, cluster_id"
        " FROM fingerprint WHERE namespace = ? AND id = ? AND cluster_id IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM fingerprint WHERE namespace = ? AND id = ?) ON CONFLICT DO NOTHING",
        [(heir, namespace, old, namespace, heir) for (namespace, old), heir in heirs.items()],
    )
    db.conn.executemany(
        "INSERT INTO pin (namespace, fingerprint, cluster_id) SELECT namespace, id, cluster_id"
        " FROM fingerprint WHERE namespace = ? AND id = ? AND cluster_id IS NOT NULL ON CONFLICT DO NOTHING",
        list(heirs),
    )


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One raise to show, and whose it was."""

    service: str
    trace_id: bytes
    span_id: bytes
    time_ns: int


def exemplar(db: Database, namespace: str, fingerprint: str) -> Exemplar:
    """Find the latest raise of a fingerprint; without ids where none is kept, for it was not seen for long."""
    row = db.execute(
        "SELECT service, trace_id, span_id, time_ns FROM exemplar JOIN environment ON environment.id = environment_id"
        " WHERE exemplar.namespace = ? AND fingerprint = ? ORDER BY time_ns DESC LIMIT 1",
        [namespace, fingerprint],
    ).fetchone()
    if row:
        return Exemplar(*row)
    row = db.execute(
        "SELECT service, failure.last_seen_ns FROM failure JOIN environment ON environment.id = environment_id"
        " WHERE failure.namespace = ? AND fingerprint = ? LIMIT 1",
        [namespace, fingerprint],
    ).fetchone()
    return Exemplar(row[0], b"", b"", row[1])


@dataclass(frozen=True, slots=True)
class Count:
    """Occurrences of a cluster in a service since the store began; of all beyond the cap where it names none."""

    cluster_id: str
    service: str
    exception_type: str
    occurrences: float


def counts(db: Database, most: int = 1000) -> list[Count]:
    """Sum up occurrences by cluster and service for the newest clusters; those of all others together.

    So what stands for the others only grows, as a sum has to: a cluster that is no longer among the newest joins it.
    """
    rows = db.execute(
        "WITH newest AS (SELECT id, exception_type FROM cluster WHERE merged_into IS NULL"
        " ORDER BY created_ns DESC, id LIMIT ?)"
        " SELECT coalesce(id, ''), CASE WHEN id IS NULL THEN '' ELSE service END, coalesce(min(exception_type), ''),"
        " sum(occurrences)"
        " FROM cluster_service LEFT JOIN newest ON newest.id = cluster_id GROUP BY 1, 2 ORDER BY 1, 2",
        [most],
    )
    return [Count(*row) for row in rows]


def sizes(db: Database) -> dict[str, int]:
    """Count the fingerprints of each cluster."""
    return dict(
        db.execute(
            "SELECT cluster_id, count(*) FROM fingerprint WHERE cluster_id IS NOT NULL AND occurrences > 0"
            " GROUP BY cluster_id ORDER BY cluster_id"
        ).fetchall()
    )

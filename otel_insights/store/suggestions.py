"""Explanations of clusters: the evidence that they need, and what was concluded from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from otel_insights.store import outbox
from otel_insights.store.outbox import Finding


@dataclass(frozen=True, slots=True)
class Question:
    """A cluster whose evidence has changed since it was explained."""

    cluster_id: str
    namespace: str
    packages: tuple[str, ...]
    evidence: str


def questions(db: Database) -> list[Question]:
    """Find the clusters to explain (again).

    Evidence changes when an environment joins or changes its configuration, when one begins to fail, and when the work
    done has doubled: more of the same is no news.
    """
    fleets = {
        row[0]: f"{row[1]}.{row[2]}.{int(row[3] or 0).bit_length()}"
        for row in db.execute(
            "SELECT namespace, count(*), count(DISTINCT configuration_hash), sum(exposure) FROM environment"
            " GROUP BY namespace"
        )
    }
    rows = db.execute(
        "SELECT cluster.id, cluster.namespace, evidence, count(DISTINCT environment_id),"
        " (SELECT packages FROM fingerprint top WHERE top.cluster_id = cluster.id"
        "  ORDER BY occurrences DESC, id LIMIT 1)"
        " FROM cluster JOIN fingerprint ON fingerprint.cluster_id = cluster.id"
        " JOIN failure ON failure.namespace = fingerprint.namespace AND failure.fingerprint = fingerprint.id"
        " AND failure.weight > 0 GROUP BY cluster.id ORDER BY cluster.id"
    )
    asked = [
        (Question(row[0], row[1], tuple(json.loads(row[4])), f"{row[3]}/{fleets.get(row[1], '')}"), row[2])
        for row in rows
    ]
    return [question for question, explained in asked if question.evidence != explained]


def failures(db: Database, cluster_id: str) -> dict[int, float]:
    """Sum up a cluster's occurrences for each environment."""
    return dict(
        db.execute(
            "SELECT environment_id, sum(weight) FROM failure JOIN fingerprint"
            " ON fingerprint.namespace = failure.namespace AND fingerprint.id = failure.fingerprint"
            " WHERE cluster_id = ? GROUP BY environment_id HAVING sum(weight) > 0",
            [cluster_id],
        ).fetchall()
    )


def all_failures(db: Database, namespace: str) -> dict[int, float]:
    """Sum up all occurrences for each environment of a namespace."""
    return dict(
        db.execute(
            "SELECT environment_id, sum(weight) FROM failure WHERE namespace = ? GROUP BY environment_id", [namespace]
        ).fetchall()
    )


@dataclass(frozen=True, slots=True)
class StoredSuggestion:
    """A suggestion as it is kept: `body` holds everything of it that REPORT.json and the API show."""

    id: str
    cluster_id: str
    rank: int
    tier: str
    body: Mapping[str, object]


def of_cluster(db: Database, cluster_id: str) -> list[StoredSuggestion]:
    """Read the suggestions that hold, best first."""
    rows = db.execute(
        "SELECT id, cluster_id, rank, tier, body FROM suggestion WHERE cluster_id = ? AND withdrawn_ns IS NULL"
        " ORDER BY rank, id",
        [cluster_id],
    )
    return [StoredSuggestion(row[0], row[1], row[2], row[3], json.loads(row[4])) for row in rows]


def silence_of(db: Database, cluster_id: str) -> tuple[str, str] | None:
    """Read why nothing is said of a cluster: a reason and a sentence; None where something is."""
    row = db.execute("SELECT reason, text FROM silence WHERE cluster_id = ?", [cluster_id]).fetchone()
    return (row[0], row[1]) if row else None


def save(
    db: Database,
    question: Question,
    suggestions: Sequence[StoredSuggestion],
    silence: tuple[str, str] | None,
    findings: Iterable[Finding],
    time_ns: int,
) -> None:
    """Swap in a cluster's explanation, with the findings that report it; what no longer holds is withdrawn."""
    db.execute("UPDATE cluster SET evidence = ? WHERE id = ?", [question.evidence, question.cluster_id])
    db.execute(
        "UPDATE suggestion SET withdrawn_ns = ? WHERE cluster_id = ? AND withdrawn_ns IS NULL"
        " AND id NOT IN (SELECT value FROM json_each(?))",
        [time_ns, question.cluster_id, json.dumps([one.id for one in suggestions])],
    )
    db.conn.executemany(
        "INSERT INTO suggestion (id, cluster_id, rank, tier, body, created_ns) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET rank = excluded.rank, tier = excluded.tier, body = excluded.body,"
        " withdrawn_ns = NULL",
        [(one.id, one.cluster_id, one.rank, one.tier, json.dumps(one.body), time_ns) for one in suggestions],
    )
    db.execute("DELETE FROM silence WHERE cluster_id = ?", [question.cluster_id])
    if silence:
        db.execute("INSERT INTO silence VALUES (?, ?, ?)", [question.cluster_id, *silence])
    outbox.put(db, findings)


def by_tier(db: Database) -> dict[str, int]:
    """Count the suggestions that hold."""
    return dict(db.execute("SELECT tier, count(*) FROM suggestion WHERE withdrawn_ns IS NULL GROUP BY tier").fetchall())

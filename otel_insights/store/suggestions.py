"""Explanations of clusters: which are to be asked for, and what was concluded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from otel_insights.analysis.conditions import claim
from otel_insights.store import feedback, outbox
from otel_insights.store.engine import Database
from otel_insights.store.outbox import Finding


@dataclass(frozen=True, slots=True)
class Question:
    """A cluster whose evidence has changed since it was explained, and the last word that people had said by then."""

    cluster_id: str
    namespace: str
    packages: tuple[str, ...]
    evidence: str
    feedback: int = 0


def questions(db: Database) -> list[Question]:
    """Find the clusters to explain (again).

    Evidence changes when an environment joins or changes its configuration, when one begins to fail, and when the work
    done has doubled: more of the same is no news.
    """
    fleets = _fleets(db)
    said = feedback.last(db)
    rows = db.execute(
        "SELECT cluster.id, cluster.namespace, evidence, count(DISTINCT environment_id), sum(DISTINCT environment_id),"
        " (SELECT packages FROM fingerprint top WHERE top.cluster_id = cluster.id"
        "  ORDER BY occurrences DESC, id LIMIT 1)"
        " FROM cluster JOIN fingerprint ON fingerprint.cluster_id = cluster.id"
        " JOIN failure ON failure.namespace = fingerprint.namespace AND failure.fingerprint = fingerprint.id"
        " AND failure.weight > 0 GROUP BY cluster.id ORDER BY cluster.id"
    )
    asked = [
        (
            Question(row[0], row[1], tuple(json.loads(row[5])), f"{row[3]}.{row[4]}/{fleets.get(row[1], '')}", said),
            row[2],
        )
        for row in rows
    ]
    return [question for question, explained in asked if question.evidence != explained]


def _fleets(db: Database) -> dict[str, str]:
    """Sum up each namespace's environments: how many, what they are, how much work to a power of two."""
    rows = db.execute(
        "SELECT namespace, count(*), json_group_array(configuration_hash), sum(exposure)"
        " FROM (SELECT namespace, configuration_hash, exposure FROM environment ORDER BY namespace, id)"
        " AS ordered GROUP BY namespace"
    )
    return {row[0]: f"{row[1]}.{_hash(row[2])}.{int(row[3] or 0).bit_length()}" for row in rows}


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredSuggestion:
    """A suggestion as it is kept: `body` holds everything of it that REPORT.json and the API show."""

    id: str
    cluster_id: str
    rank: int
    tier: str
    body: Mapping[str, object]


def of_cluster(db: Database, cluster_id: str) -> list[StoredSuggestion]:
    """Read the suggestions that hold, best first, each with what is said to have fixed it (`fixed_by`)."""
    rows = db.execute(
        "SELECT id, cluster_id, rank, tier, body FROM suggestion WHERE cluster_id = ? AND withdrawn_ns IS NULL"
        " ORDER BY rank, id",
        [cluster_id],
    ).fetchall()
    fixes = feedback.fixes(db, cluster_id) if rows else []
    return [_with_fixes(row, fixes) for row in rows]


def get(db: Database, suggestion_id: str) -> tuple[StoredSuggestion, bool] | None:
    """Find a suggestion by its id, and tell whether it holds; None where there never was one."""
    row = db.execute(
        "SELECT id, cluster_id, rank, tier, body, withdrawn_ns IS NULL FROM suggestion WHERE id = ?", [suggestion_id]
    ).fetchone()
    return (_with_fixes(row, feedback.fixes(db, row[1])), bool(row[5])) if row else None


def page(
    db: Database, *, after: str = "", limit: int = 100, tier: str | None = None, withdrawn: bool | None = False
) -> list[tuple[StoredSuggestion, bool]]:
    """Read suggestions in order of their ids, after that one, each with whether it holds; `withdrawn` None: all."""
    rows = db.execute(
        "SELECT id, cluster_id, rank, tier, body, withdrawn_ns IS NULL FROM suggestion WHERE id > ?"
        " AND tier = coalesce(?, tier) AND CASE WHEN withdrawn_ns IS NULL THEN 0 ELSE 1 END IN (?, ?)"
        " ORDER BY id LIMIT ?",
        [after, tier, *((0, 1) if withdrawn is None else (withdrawn, withdrawn)), limit],
    ).fetchall()
    return [(_with_fixes(row, feedback.fixes(db, row[1])), bool(row[5])) for row in rows]


def established(db: Database) -> list[StoredSuggestion]:
    """Read every established suggestion that holds, clusters in order of their ids."""
    ids = db.execute(
        "SELECT DISTINCT cluster_id FROM suggestion WHERE tier = 'established' AND withdrawn_ns IS NULL"
        " ORDER BY cluster_id"
    ).fetchall()
    return [one for row in ids for one in of_cluster(db, row[0]) if one.tier == "established"]


def latest_established(db: Database, most: int) -> list[StoredSuggestion]:
    """Read the best established suggestion of each cluster that has one, the latest found first."""
    rows = db.execute(
        "SELECT id, cluster_id, rank, tier, body FROM (SELECT *, row_number() OVER (PARTITION BY cluster_id"
        " ORDER BY rank, created_ns DESC, id) AS place FROM suggestion WHERE tier = 'established'"
        " AND withdrawn_ns IS NULL) AS best WHERE place = 1 ORDER BY created_ns DESC, cluster_id LIMIT ?",
        [most],
    ).fetchall()
    return [_with_fixes(row, feedback.fixes(db, row[1])) for row in rows]


def _with_fixes(row: Sequence[Any], fixes: Sequence[feedback.Fix]) -> StoredSuggestion:
    body = json.loads(row[4])
    what = claim(feedback.conditions_of(body["conditions"]))
    said = [{"key": f.key, "value": f.value, "reports": f.reports} for f in fixes if claim(f.conditions) == what]
    return StoredSuggestion(row[0], row[1], row[2], row[3], {**body, "fixed_by": said})


def times_told(db: Database, cluster_id: str) -> dict[str, int]:
    """Tell how often each suggestion of a cluster came to be established, withdrawn ones as well."""
    return dict(db.execute("SELECT id, told FROM suggestion WHERE cluster_id = ?", [cluster_id]).fetchall())


@dataclass(frozen=True, slots=True)
class Orphan:
    """A suggestion that holds of a cluster that nothing is left in; `survivor` is where that one went, or empty."""

    suggestion: StoredSuggestion
    namespace: str
    survivor: str
    told: int


def orphans(db: Database) -> list[Orphan]:
    """Find the suggestions of clusters that were merged, or have lost all that they held."""
    rows = db.execute(
        "SELECT suggestion.id, cluster_id, rank, tier, body, namespace, coalesce(merged_into, ''), told"
        " FROM suggestion JOIN cluster ON cluster.id = cluster_id WHERE withdrawn_ns IS NULL AND NOT EXISTS"
        " (SELECT 1 FROM fingerprint WHERE fingerprint.cluster_id = cluster.id AND occurrences > 0)"
    )
    return [Orphan(_with_fixes(row, ()), *row[5:]) for row in rows]


def withdraw(db: Database, gone: Sequence[Orphan], findings: Iterable[Finding], time_ns: int) -> None:
    """Withdraw orphans, with the findings that report it, and ask again where their clusters went."""
    for one in gone:
        db.execute("UPDATE suggestion SET withdrawn_ns = ? WHERE id = ?", [time_ns, one.suggestion.id])
        db.execute("DELETE FROM silence WHERE cluster_id = ?", [one.suggestion.cluster_id])
        db.execute("UPDATE cluster SET evidence = '' WHERE id IN (?, ?)", [one.suggestion.cluster_id, one.survivor])
    outbox.put(db, findings)


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
    told: Sequence[str],
    time_ns: int,
) -> None:
    """Swap in a cluster's explanation, with the findings that report it; what no longer holds is withdrawn.

    `told` are those that are established from now on. When people have said something since the question was asked,
    nothing is saved: it is asked again.
    """
    if feedback.last(db) != question.feedback:
        return
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
    db.execute("UPDATE suggestion SET told = told + 1 WHERE id IN (SELECT value FROM json_each(?))", [json.dumps(told)])
    db.execute("DELETE FROM silence WHERE cluster_id = ?", [question.cluster_id])
    if silence:
        db.execute("INSERT INTO silence VALUES (?, ?, ?)", [question.cluster_id, *silence])
    outbox.put(db, findings)


def by_tier(db: Database) -> dict[str, int]:
    """Count the suggestions that hold."""
    return dict(db.execute("SELECT tier, count(*) FROM suggestion WHERE withdrawn_ns IS NULL GROUP BY tier").fetchall())

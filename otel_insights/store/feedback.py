"""What people said of suggestions: remembered with the conditions that it was said of, whatever becomes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from otel_insights.analysis.conditions import Condition
from otel_insights.store import outbox
from otel_insights.store.engine import Database
from otel_insights.store.outbox import Finding

Verdict = Literal["wrong", "fixed-it"]
Conditions = tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Fix:
    """A value that people say has fixed it, under conditions; `key` is empty where they named none."""

    conditions: Conditions
    key: str
    value: str
    reports: int


# a cluster's own, and that of clusters which went into it
_OF_CLUSTER = "cluster_id IN (SELECT id FROM cluster WHERE id = ? OR merged_into = ?)"


def rejected(db: Database, cluster_id: str) -> list[Conditions]:
    """Read what was called wrong of a cluster, and not taken back by a later word on the same suggestion."""
    rows = db.execute(
        "SELECT conditions FROM (SELECT conditions, verdict, row_number() OVER (PARTITION BY suggestion_id"  # noqa: S608
        f" ORDER BY id DESC) AS place FROM feedback WHERE {_OF_CLUSTER}) AS latest"
        " WHERE place = 1 AND verdict = 'wrong'",
        [cluster_id, cluster_id],
    )
    return [conditions_of(json.loads(row[0])) for row in rows]


def fixes(db: Database, cluster_id: str) -> list[Fix]:
    """Read what is said to have fixed a cluster, most reports first."""
    rows = db.execute(
        f"SELECT conditions, key, value, count(*) FROM feedback WHERE {_OF_CLUSTER}"  # noqa: S608 - a constant
        " AND verdict = 'fixed-it' GROUP BY conditions, key, value ORDER BY count(*) DESC, key, value",
        [cluster_id, cluster_id],
    )
    return [Fix(conditions_of(json.loads(row[0])), row[1], row[2], row[3]) for row in rows]


def last(db: Database) -> int:
    """Tell the number of the last word that was said, 0 where none was."""
    return int(db.execute("SELECT coalesce(max(id), 0) FROM feedback").fetchone()[0])


@dataclass(frozen=True, slots=True)
class Feedback:
    """A word on a suggestion. `key` and `value` tell what fixed it."""

    suggestion_id: str
    cluster_id: str
    conditions: Conditions
    verdict: Verdict
    key: str = ""
    value: str = ""


def give(db: Database, said: Feedback, silence: tuple[str, str], findings: Iterable[Finding], time_ns: int) -> None:
    """Remember a word, and open the cluster's question again.

    What was called wrong is withdrawn at once, with the findings that report it; `silence` is said of a cluster of
    which nothing established is left.
    """
    conditions = json.dumps([{"key": c.key, "op": c.op, "value": c.value} for c in said.conditions])
    db.execute(
        "INSERT INTO feedback (suggestion_id, cluster_id, conditions, verdict, key, value, time_ns)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [said.suggestion_id, said.cluster_id, conditions, said.verdict, said.key, said.value, time_ns],
    )
    db.execute(
        "UPDATE cluster SET evidence = '' WHERE id = ? OR id = (SELECT merged_into FROM cluster WHERE id = ?)",
        [said.cluster_id, said.cluster_id],
    )
    if said.verdict == "wrong":
        _withdraw(db, said, silence, time_ns)
    outbox.put(db, findings)


def _withdraw(db: Database, said: Feedback, silence: tuple[str, str], time_ns: int) -> None:
    held = db.execute(
        "UPDATE suggestion SET withdrawn_ns = ? WHERE id = ? AND withdrawn_ns IS NULL", [time_ns, said.suggestion_id]
    ).rowcount
    if held:
        db.execute(
            "INSERT INTO silence SELECT ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM suggestion WHERE cluster_id = ?"
            " AND tier = 'established' AND withdrawn_ns IS NULL) ON CONFLICT DO NOTHING",
            [said.cluster_id, *silence, said.cluster_id],
        )


def conditions_of(rows: Sequence[dict[str, str]]) -> Conditions:
    """Read conditions as they are stored."""
    return tuple(Condition(row["key"], row["op"], row["value"]) for row in rows)

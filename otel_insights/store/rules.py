"""Rules and not-in-app modules that people have set, and the fingerprints that rules have placed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from otel_insights.analysis.rules import LONGEST_PATTERN, Rule
from otel_insights.store import corrections
from otel_insights.store.corrections import PERSON, WrongCorrection
from otel_insights.store.engine import Database


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule, and the cluster to which it sends what it matches."""

    id: int
    namespace: str
    cluster_id: str
    rule: Rule


def in_force(db: Database, namespace: str | None = None) -> list[StoredRule]:
    """List the rules, of a namespace or all; of those that match, the first one decides."""
    rows = db.execute(
        "SELECT id, namespace, cluster_id, exception_type, message, frame FROM rule"
        " WHERE namespace = coalesce(?, namespace) ORDER BY id",
        [namespace],
    )
    return [StoredRule(row[0], row[1], row[2], Rule(*row[3:])) for row in rows]


def add(db: Database, cluster_id: str, rule: Rule, now_ns: int) -> tuple[int, int]:
    """Send what a rule matches to a cluster, now and from now on.

    Returns the rule's number, and how many fingerprints it has moved. What a person has placed stays.
    """
    cluster_id = corrections.cluster_of(db, cluster_id)
    patterns = (rule.exception_type, rule.message, rule.frame)
    if not any(patterns) or max(map(len, patterns)) > LONGEST_PATTERN:
        raise WrongCorrection(f"expected a pattern of at most {LONGEST_PATTERN} characters for type, message or frame")
    if not any(pattern.strip("*?[]!") for pattern in patterns):
        raise WrongCorrection("expected a pattern that does not match everything")
    namespace = corrections.namespace_of(db, cluster_id)
    cursor = db.execute(
        "INSERT INTO rule (namespace, cluster_id, exception_type, message, frame, created_ns)"
        " VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
        [namespace, cluster_id, *patterns, now_ns],
    )
    number = int(cursor.fetchone()[0])
    moved = _place(db, StoredRule(number, namespace, cluster_id, rule), now_ns)
    corrections.revise(db)
    return number, moved


def _place(db: Database, one: StoredRule, now_ns: int) -> int:
    rows = db.execute(
        "SELECT id, exception_type, message, stacktrace, fingerprint.cluster_id FROM fingerprint JOIN example"
        " ON example.namespace = fingerprint.namespace AND example.fingerprint = fingerprint.id"
        " LEFT JOIN pin ON pin.namespace = fingerprint.namespace AND pin.fingerprint = fingerprint.id"
        " WHERE fingerprint.namespace = ? AND pin.fingerprint IS NULL",
        [one.namespace],
    ).fetchall()
    matched = [(row[0], row[4]) for row in rows if one.rule.matches(*row[1:4])]
    for id_, _ in matched:
        _pin(db, one, id_)
        db.execute(
            "UPDATE fingerprint SET cluster_id = ?, probability = 1 WHERE namespace = ? AND id = ?",
            [one.cluster_id, one.namespace, id_],
        )
    for old in {old for _, old in matched if old and old != one.cluster_id}:
        if not corrections.members(db, old):
            corrections.redirect(db, old, one.cluster_id, now_ns, PERSON)
    return sum(old != one.cluster_id for _, old in matched)


def _pin(db: Database, one: StoredRule, fingerprint: str) -> None:
    db.execute(
        "INSERT INTO pin (namespace, fingerprint, cluster_id, rule_id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [one.namespace, fingerprint, one.cluster_id, one.id],
    )


def apply(db: Database, namespace: str) -> None:
    """Place the fingerprints that have come since the last clustering."""
    rules = in_force(db, namespace)
    if not rules:
        return
    _heed(db, rules, db.execute(f"{_EXCEPTIONS} WHERE fingerprint.namespace = ? AND cluster_id IS NULL", [namespace]))


_EXCEPTIONS = (
    "SELECT id, exception_type, message, stacktrace FROM fingerprint JOIN example"
    " ON example.namespace = fingerprint.namespace AND example.fingerprint = fingerprint.id"
)


def _heed(db: Database, rules: list[StoredRule], rows: Iterable[Sequence[str]]) -> None:
    """Pin exceptions, rows of `_EXCEPTIONS`, where the first rule that matches wants them."""
    for id_, *exception in list(rows):
        if one := first_match(rules, *exception):
            _pin(db, one, id_)


def first_match(rules: list[StoredRule], exception_type: str, message: str, stacktrace: str) -> StoredRule | None:
    """Find the rule that decides on an exception."""
    return next((one for one in rules if one.rule.matches(exception_type, message, stacktrace)), None)


def remove(db: Database, number: int) -> None:
    """Take a rule back; what it had placed is clustered again like everything else.

    A cluster in which there is nothing else keeps it until then: the clustering tells who goes on for the old id.
    """
    row = db.execute("SELECT namespace FROM rule WHERE id = ?", [number]).fetchone()
    if row is None:
        raise WrongCorrection(f"there is no rule {number}")
    db.execute("DELETE FROM rule WHERE id = ?", [number])
    db.execute(
        "WITH placed AS (SELECT namespace, fingerprint FROM pin WHERE rule_id = ?)"
        " UPDATE fingerprint SET cluster_id = NULL WHERE (namespace, id) IN (SELECT namespace, fingerprint FROM placed)"
        " AND EXISTS (SELECT 1 FROM fingerprint AS other WHERE other.cluster_id = fingerprint.cluster_id"
        " AND other.occurrences > 0 AND (other.namespace, other.id) NOT IN"
        " (SELECT namespace, fingerprint FROM placed))",
        [number],
    )
    placed = [one[0] for one in db.execute("SELECT fingerprint FROM pin WHERE rule_id = ?", [number])]
    db.execute("DELETE FROM pin WHERE rule_id = ?", [number])
    these = " WHERE fingerprint.namespace = ? AND id IN (SELECT value FROM json_each(?))"
    _heed(db, in_force(db, row[0]), db.execute(_EXCEPTIONS + these, [row[0], json.dumps(placed)]))
    corrections.revise(db)


def library_modules(db: Database) -> tuple[str, ...]:
    """List the modules that people have called no part of the application."""
    return tuple(row[0] for row in db.execute("SELECT prefix FROM library_module ORDER BY prefix"))


def add_library_module(db: Database, prefix: str, now_ns: int) -> None:
    """Call a module, and what lies in it, no part of the application."""
    if not prefix or len(prefix) > LONGEST_PATTERN or any(letter.isspace() or letter in "*?[]" for letter in prefix):
        raise WrongCorrection(f"expected a module such as shop.retry, got {prefix!r}")
    db.execute("INSERT INTO library_module VALUES (?, ?) ON CONFLICT DO NOTHING", [prefix, now_ns])
    corrections.revise(db)


def remove_library_module(db: Database, prefix: str) -> None:
    """Take that back."""
    if not db.execute("DELETE FROM library_module WHERE prefix = ?", [prefix]).rowcount:
        raise WrongCorrection(f"{prefix!r} is not in the list")
    corrections.revise(db)

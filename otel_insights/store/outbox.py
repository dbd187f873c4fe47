"""Findings on their way out: written in the transaction of the state that they report, so none is ever lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlite_utils import Database


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding ready to leave: a serialised OTLP LogRecord, under an id that is the same at every repeat."""

    id: str
    record: bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """A finding that has not been accepted yet; `number` is its place in the order of writing."""

    number: int
    record: bytes


def put(db: Database, findings: Iterable[Finding]) -> None:
    """Add findings; one that was written before stays as it was."""
    db.conn.executemany(
        "INSERT INTO outbox (finding_id, record) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(one.id, one.record) for one in findings],
    )


def waiting(db: Database, limit: int = 500) -> list[Waiting]:
    """Read the oldest findings that have still to leave."""
    rows = db.execute("SELECT id, record FROM outbox WHERE sent_ns IS NULL ORDER BY id LIMIT ?", [limit])
    return [Waiting(*row) for row in rows]


def mark(db: Database, numbers: Sequence[int], time_ns: int, refused: str | None = None) -> None:
    """Note that findings have been accepted, or why the next hop will never take them."""
    db.conn.executemany(
        "UPDATE outbox SET sent_ns = ?, refused = ? WHERE id = ?", [(time_ns, refused, number) for number in numbers]
    )


def forget_before(db: Database, time_ns: int) -> None:
    """Drop findings that left before a time."""
    db.execute("DELETE FROM outbox WHERE sent_ns < ?", [time_ns])

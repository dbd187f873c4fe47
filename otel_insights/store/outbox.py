"""Findings on their way out: written in the transaction of the state that they report, and kept until they leave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from otel_insights.store import settings
from otel_insights.store.engine import Database

MOST_KEPT: Final = 100_000
"""Findings, sent or not: where nothing takes any, the oldest make room, and are counted."""
_MOST_AT_ONCE: Final = 500
_DROPPED: Final = "findings_dropped"


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
    """Add findings; one that was written before stays as it was. The oldest beyond `MOST_KEPT` go, sent or not."""
    new = [(one.id, one.record) for one in findings]
    if not new:
        return
    db.conn.executemany("INSERT INTO outbox (finding_id, record) VALUES (?, ?) ON CONFLICT DO NOTHING", new)
    last = db.conn.execute("SELECT max(id) FROM outbox").fetchone()[0]
    lost = db.conn.execute("DELETE FROM outbox WHERE id <= ? AND sent_ns IS NULL", [last - MOST_KEPT]).rowcount
    db.conn.execute("DELETE FROM outbox WHERE id <= ?", [last - MOST_KEPT])
    if lost:
        settings.put(db, _DROPPED, str(dropped(db) + lost))


def dropped(db: Database) -> int:
    """Tell how many findings have made room before they had left, since the store began."""
    return int(settings.get(db, _DROPPED) or 0)


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
    """Drop findings that left before a time, some of the oldest."""
    db.execute(  # of the oldest alone: a look at all of them, whenever one leaves, would hold up who writes
        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT ?) AND sent_ns < ?",
        [_MOST_AT_ONCE, time_ns],
    )

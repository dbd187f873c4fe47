"""Findings on their way to a webhook: each is delivered, has failed, was silenced, or waits for its time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from otel_insights.store.engine import Database

State = Literal["waiting", "delivered", "failed", "silenced"]
STATES: Final = ("waiting", "delivered", "failed", "silenced")
MOST_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class Alert:
    """A finding that somebody is to hear of; `record` is the serialised LogRecord."""

    finding_id: str
    event: str
    cluster_id: str
    record: bytes


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery whose time has come. `silenced`: its cluster rests, by a person's word."""

    id: int
    record: bytes
    attempts: int
    silenced: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery, for people."""

    id: int
    exporter: str
    event: str
    cluster_id: str
    state: State
    attempts: int
    arrived_ns: int
    settled_ns: int | None
    trouble: str


def put(db: Database, exporter: str, alerts: Iterable[Alert], now_ns: int) -> None:
    """Take alerts, to be delivered at once; one that came before is not taken again, whatever became of it."""
    db.conn.executemany(
        "INSERT INTO delivery (exporter, finding_id, event, cluster_id, record, arrived_ns, due_ns)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(exporter, one.finding_id, one.event, one.cluster_id, one.record, now_ns, now_ns) for one in alerts],
    )


def due(db: Database, exporter: str, now_ns: int) -> list[Due]:
    """Read what an exporter should deliver now, the oldest first, `MOST_AT_ONCE` of it."""
    rows = db.execute(
        "SELECT delivery.id, record, attempts, CASE cluster_life.state WHEN 'archived' THEN 1 ELSE 0 END FROM delivery"
        " LEFT JOIN cluster_life USING (cluster_id)"
        " WHERE exporter = ? AND delivery.state = 'waiting' AND due_ns <= ? ORDER BY delivery.id LIMIT ?",
        [exporter, now_ns, MOST_AT_ONCE],
    )
    return [Due(row[0], row[1], row[2], bool(row[3])) for row in rows]


def next_due(db: Database, exporter: str) -> int | None:
    """Tell when an exporter has something to deliver next, in nanoseconds since the epoch; None: nothing waits."""
    found = db.execute("SELECT min(due_ns) FROM delivery WHERE exporter = ? AND state = 'waiting'", [exporter])
    time_ns: int | None = found.fetchone()[0]
    return time_ns


def settle(db: Database, ids: Sequence[int], state: State, now_ns: int, trouble: str = "") -> None:
    """Note what became of deliveries. What was silenced was not tried."""
    tried = int(state != "silenced")
    db.conn.executemany(
        "UPDATE delivery SET state = ?, settled_ns = ?, trouble = ?, attempts = attempts + ? WHERE id = ?",
        [(state, now_ns, trouble, tried, id_) for id_ in ids],
    )


def postpone(db: Database, ids: Sequence[int], until_ns: int, trouble: str) -> None:
    """Note a try that came to nothing, and when the next one is."""
    db.conn.executemany(
        "UPDATE delivery SET due_ns = ?, trouble = ?, attempts = attempts + 1 WHERE id = ?",
        [(until_ns, trouble, id_) for id_ in ids],
    )


def listed(db: Database, state: str = "", most: int = 100) -> list[Delivery]:
    """Read deliveries, the newest first, perhaps only those of a state."""
    rows = db.execute(
        "SELECT id, exporter, event, cluster_id, state, attempts, arrived_ns, settled_ns, trouble FROM delivery"
        " WHERE :state IN ('', state) ORDER BY id DESC LIMIT :most",
        {"state": state, "most": most},
    )
    return [Delivery(*row) for row in rows]


def send_again(db: Database, ids: Sequence[int], now_ns: int) -> int:
    """Let deliveries wait again, all that have failed if none is named; returns how many do."""
    anew = "UPDATE delivery SET state = 'waiting', attempts = 0, due_ns = ?, settled_ns = NULL, trouble = '' WHERE "
    if not ids:
        return db.execute(anew + "state = 'failed'", [now_ns]).rowcount
    done = [db.execute(anew + "id = ? AND state != 'waiting'", [now_ns, id_]).rowcount for id_ in ids]
    return sum(done)


def forget_before(db: Database, time_ns: int) -> None:
    """Drop deliveries that were settled before a time."""
    db.execute("DELETE FROM delivery WHERE settled_ns < ?", [time_ns])

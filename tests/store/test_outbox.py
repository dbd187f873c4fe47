"""Findings on their way out: bounded, and what made room is told."""

import sqlite3

from sqlite_utils import Database

from otel_insights import own_metrics, semconv
from otel_insights.store import outbox
from otel_insights.store.migrations import migrate
from otel_insights.store.outbox import MOST_KEPT, Finding


def findings(begin: int, end: int) -> list[Finding]:
    return [Finding(f"f-{number}", b"record") for number in range(begin, end)]


def made() -> Database:
    db = Database(sqlite3.connect(":memory:", isolation_level=None))
    migrate(db)
    db.execute("INSERT OR REPLACE INTO setting VALUES ('instance_id', 'i')")
    return db


def test_where_nothing_takes_findings_the_oldest_make_room_and_are_counted():
    db = made()
    outbox.put(db, findings(0, MOST_KEPT))
    outbox.mark(db, [one.number for one in outbox.waiting(db, 10)], 1)
    outbox.put(db, findings(MOST_KEPT, MOST_KEPT + 30))
    assert db.execute("SELECT count(*), min(id) FROM outbox").fetchone() == (MOST_KEPT, 31)
    assert outbox.dropped(db) == 20
    outbox.put(db, findings(MOST_KEPT + 30, MOST_KEPT + 31))
    outbox.put(db, findings(MOST_KEPT + 30, MOST_KEPT + 31))
    assert outbox.dropped(db) == 21
    (told,) = [one for one in own_metrics.found(db) if one.name == semconv.FINDINGS_DROPPED]
    assert told.points == [({}, 21)]


def test_what_left_long_ago_is_dropped_and_what_waits_is_not():
    db = made()
    outbox.put(db, findings(0, 5))
    outbox.mark(db, [1, 2, 4], 7)
    outbox.mark(db, [5], 9)
    outbox.forget_before(db, 8)
    assert [row[0] for row in db.execute("SELECT id FROM outbox")] == [3, 5]

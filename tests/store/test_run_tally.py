"""Counts of runs: exact, whatever becomes of the runs, and bounded."""

import random
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st
from otlp_samples import T0
from sqlite_utils import Database

from otel_insights.store import run_changes, run_tally, runs
from otel_insights.store.migrations import MIGRATIONS, migrate
from otel_insights.store.run_tally import Tally
from otel_insights.store.runs import Told


@pytest.fixture
def db() -> Database:
    made = Database(sqlite3.connect(":memory:", isolation_level=None))
    migrate(made)
    return made


def counted(db: Database) -> list[Tally]:
    """Count by reading all runs."""
    sums = ", ".join(f"coalesce(sum(items_{one}), 0)" for one in run_tally.RESULTS)
    rows = db.execute(f"SELECT agent_name, job_type, status, count(*), {sums} FROM run GROUP BY 1, 2, 3")
    return [Tally(*row[:4], dict(zip(run_tally.RESULTS, row[4:], strict=True))) for row in rows]


def key(one: Tally) -> tuple[str, str, str]:
    return (one.agent_name, one.job_type, one.status)


@given(st.integers(0, 10**6))
def test_counts_are_those_of_the_runs_that_are_kept(seed: int) -> None:
    chance, db = random.Random(seed), Database(sqlite3.connect(":memory:", isolation_level=None))
    migrate(db)
    for step in range(40):
        id_, items = f"r-{chance.randrange(12)}", {f"items_{chance.choice(run_tally.RESULTS)}": chance.randrange(9)}
        whose = {"agent_name": chance.choice(["", "a", "b"]), "job_type": chance.choice(["", "x"])}
        if step % 4 == 3:
            run_changes.change(db, [id_], {"status": chance.choice(["partial", "running"]), "items_failed": 2}, T0)
        elif chance.random() < 0.5:
            runs.record(db, [Told(id_, "start", whose)], T0)
        else:
            runs.record(db, [Told(id_, "end", {**whose, **items, "status": "success"})], T0)
        if chance.random() < 0.1:
            runs.forget(db, 0, 5)
    found = run_tally.tallies(db)
    assert sorted(found.most, key=key) == sorted(counted(db), key=key)
    assert (found.others, set(found.other_items.values())) == (0, {0})


def test_what_is_beyond_the_most_frequent_is_summed_up(db):
    told = [
        Told(f"r-{n}", "end", {"agent_name": f"a-{n % 7}", "status": "failed", "items_failed": 1}) for n in range(30)
    ]
    runs.record(db, told, T0)
    found = run_tally.tallies(db, most=2)
    assert [one.runs for one in found.most] == [5, 5]
    assert (found.others, found.other_items["failed"]) == (20, 20)


def test_runs_that_were_there_before_are_counted():
    db = Database(sqlite3.connect(":memory:", isolation_level=None))
    at = next(number for number, (name, _) in enumerate(MIGRATIONS) if "counts of runs" in name)
    db.execute("CREATE TABLE migration (name TEXT PRIMARY KEY) WITHOUT ROWID")
    for name, script in MIGRATIONS[:at]:
        db.conn.executescript(script)
        db.execute("INSERT INTO migration VALUES (?)", [name])
    runs.record(db, [Told("r-1", "end", {"status": "success", "items_succeeded": 3}), Told("r-2", "start")], T0)
    migrate(db)
    assert sorted(run_tally.tallies(db).most, key=key) == sorted(counted(db), key=key)

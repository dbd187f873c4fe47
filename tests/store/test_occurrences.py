"""The memory of raises: the rule of `analysis.occurrences`, over a real store."""

import sqlite3

import pytest
from otlp_samples import T0, FakeHost
from sqlite_utils import Database

from otel_insights.analysis.fingerprint import Fingerprint, fingerprint
from otel_insights.store.environments import EnvironmentKey
from otel_insights.store.hours import tally
from otel_insights.store.migrations import MIGRATIONS, migrate
from otel_insights.store.observation import Observation
from otel_insights.store.occurrences import record
from otel_insights.store.places import key_of
from otel_insights.store.recent import Recent
from otel_insights.store.schema_counts import COUNTS

INNER = """Traceback (most recent call last):
  File "/app/shop/cart.py", line 12, in total
    return prices[item]
KeyError: 'id'
"""
OUTER = INNER.replace(
    "last):\n", 'last):\n  File "/app/shop/web.py", line 5, in checkout\n    total = cart.total()\n', 1
)


def seen(stack: str, message: str = "'id'") -> Fingerprint:
    return fingerprint("KeyError", message, stack)


class Observer:
    """Sends one observation after another, each a record of its own."""

    def __init__(self, host: FakeHost) -> None:
        self.store = host.store
        self.recent = Recent()
        self.sent = 0

    async def observe(self, trace: bytes, one: Fingerprint) -> int:
        """Record it; how many occurrences there are then."""
        self.sent += 1
        key = key_of(self.sent.to_bytes(4, "big"))
        place = EnvironmentKey("", "shop", "i-1")
        observed = Observation(key, place, one, "", "", trace, b"", T0)
        await self.store.write(record, [observed], T0, self.recent)
        return await self.store.read(lambda db: db.execute("SELECT count(*) FROM occurrence").fetchone()[0])


@pytest.fixture
def observer(host: FakeHost) -> Observer:
    return Observer(host)


async def test_a_request_is_counted_once_however_often_it_is_recorded(observer):
    told = [await observer.observe(b"a1", one) for one in (seen(INNER), seen(OUTER), seen(OUTER, message="id"))]
    assert told == [1, 1, 1]


async def test_traces_do_not_share_occurrences(observer):
    assert [await observer.observe(trace, seen(INNER)) for trace in (b"a1", b"a2")] == [1, 2]


async def test_without_a_trace_every_observation_counts(observer):
    assert [await observer.observe(b"", seen(INNER)) for _ in range(3)] == [1, 2, 3]


async def test_complete_ones_find_incomplete_ones_that_came_before(observer):
    assert [await observer.observe(b"a1", one) for one in (seen(OUTER[:90]), seen(OUTER))] == [1, 1]


async def counted(observer: Observer) -> dict[str, tuple[float, float]]:
    """Tell of each fingerprint that counts how often it came, in all and in its environments."""
    await observer.store.write(tally, T0)
    rows = await observer.store.read(
        lambda db: db.execute(
            "SELECT id, min(occurrences), sum(weight) FROM fingerprint JOIN failure ON fingerprint = id"
            " GROUP BY id HAVING min(occurrences) > 0"
        ).fetchall()
    )
    return {row[0]: (row[1], row[2]) for row in rows}


@pytest.mark.parametrize("tallied_before", [False, True])
async def test_a_raise_counts_for_the_fingerprint_of_its_fullest_record(observer, tallied_before):
    cut, whole = seen(OUTER[:90]), seen(OUTER)
    await observer.observe(b"a1", cut)
    if tallied_before:
        assert await counted(observer) == {cut.id: (1, 1)}
    await observer.observe(b"a1", whole)
    assert await counted(observer) == {whole.id: (1, 1)}
    assert await counted(observer) == {whole.id: (1, 1)}, "a second tally adds nothing"


async def test_names_with_nul_are_counted_too(observer):
    """SQLite's JSON ends a text at a NUL, and names of fingerprints and environments are sought by JSON."""
    place = EnvironmentKey("a\0b", "shop\0", "i\0")
    for number in (1, 2):
        observed = Observation(number, place, seen(INNER), "", "", b"", b"", T0)
        await observer.store.write(record, [observed], T0, observer.recent)
    assert await counted(observer) == {seen(INNER).id: (2, 2)}


def test_what_an_older_store_had_counted_is_not_counted_again(tmp_path):
    db = Database(sqlite3.connect(tmp_path / "insights.db", isolation_level=None))
    db.execute("CREATE TABLE migration (name TEXT PRIMARY KEY) WITHOUT ROWID")
    for name, script in MIGRATIONS[: MIGRATIONS.index(COUNTS)]:
        db.conn.executescript(script)
        db.execute("INSERT INTO migration VALUES (?)", [name])
    for number in (1, 2, 3):
        db.execute("INSERT INTO occurrence VALUES (?, '', 'f', 7, 2.0, 5, 1, x'', x'', 5, 5)", [number])
    db.execute("INSERT INTO failure VALUES ('', 'f', 7, 6.0, 5, 5)")
    db.execute(
        "INSERT INTO fingerprint (namespace, id, exception_type, root_type, title, signature, block, complete,"
        " packages, reasons, occurrences, first_seen_ns, last_seen_ns)"
        " VALUES ('', 'f', '', '', '', '', '', 1, '', '', 6.0, 5, 5)"
    )
    db.execute("INSERT INTO setting VALUES ('tallied', '1')")
    migrate(db)
    tally(db, T0)
    assert db.execute("SELECT weight FROM failure").fetchall() == [(6.0,)]
    assert db.execute("SELECT occurrences FROM fingerprint").fetchall() == [(6.0,)]
    db.close()

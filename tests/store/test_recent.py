"""Occurrences that wait for the index are known all the same."""

import sqlite3

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from otel_insights.analysis.fingerprint import fingerprint
from otel_insights.store import hours, occurrences
from otel_insights.store.environments import EnvironmentKey
from otel_insights.store.migrations import migrate
from otel_insights.store.observation import Observation
from otel_insights.store.recent import Recent

T0 = 1_700_000_000_000_000_000
DAY = 86_400 * 10**9
NAMES = ["one", "two", "three"]
number = st.integers(0, 9)

steps = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.lists(st.tuples(number, st.sampled_from(NAMES)), min_size=1, max_size=6)),
        st.tuples(st.just("fail"), st.lists(st.tuples(number, st.sampled_from(NAMES)), min_size=1, max_size=6)),
        st.tuples(st.just("restart")),
        st.tuples(st.just("another"), st.lists(st.tuples(number, st.sampled_from(NAMES)), min_size=1, max_size=3)),
        st.tuples(st.just("forget")),
    ),
    max_size=25,
)


class World:
    """A store, two that write to it, and which raises are to be counted: one of each name in each trace."""

    def __init__(self) -> None:
        self.db = Database(sqlite3.connect(":memory:", isolation_level=None))
        migrate(self.db)
        self.ours, self.theirs = Recent(most=4), Recent(most=4)
        self.expected: set[tuple[int, str]] = set()
        self.now = T0

    def write(self, recent: Recent, sent: list[tuple[int, str]]) -> None:
        self.now += 1
        observed = [
            Observation(
                key=1000 + 10 * trace + NAMES.index(name),
                environment=EnvironmentKey("", "shop", "i"),
                fingerprint=fingerprint(
                    "E", name, f'Traceback:\n  File "/srv/{name}.py", line 3, in {name}\nE: {name}'
                ),
                message=name,
                stacktrace="",
                trace_id=bytes(15) + bytes([trace + 1]) if trace else b"",
                span_id=b"",
                time_ns=self.now,
            )
            for trace, name in sent
        ]
        occurrences.record(self.db, observed, self.now, recent)

    def send(self, sent: list[tuple[int, str]]) -> None:
        self.write(self.ours, sent)
        self.expected.update(sent)

    def another(self, sent: list[tuple[int, str]]) -> None:
        self.write(self.theirs, sent)
        self.expected.update(sent)

    def fail(self, sent: list[tuple[int, str]]) -> None:
        """The disk is full when it is to be committed."""
        self.db.conn.execute("BEGIN")
        self.write(self.ours, sent)
        self.db.conn.execute("ROLLBACK")

    def restart(self) -> None:
        self.ours = Recent(most=4)

    def forget(self) -> None:
        self.now += 2 * DAY
        hours.forget_before(self.db, self.now - DAY, self.now)
        self.expected.clear()


@settings(max_examples=200)
@given(steps)
def test_every_raise_is_counted_once_whatever_happens_between(does):
    world = World()
    for what, *values in does:
        getattr(world, what)(*values)
        (count,) = world.db.conn.execute("SELECT count(*) FROM occurrence").fetchone()
        assert count == len(world.expected)


def test_many_raises_in_one_trace_go_into_the_index_early():
    world = World()
    world.ours = Recent()
    for at in range(600):
        one = Observation(at, EnvironmentKey("", "shop", "i"), fingerprint("E", "", ""), "", "", b"t" * 16, b"", T0)
        occurrences.record(world.db, [one], T0, world.ours)
    assert world.db.conn.execute("SELECT count(*) FROM known").fetchone()[0] > 250
    assert not world.ours.is_full

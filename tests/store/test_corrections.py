"""Whatever people correct, in any order with clusterings in between: nothing is lost, and every id leads somewhere."""

import asyncio
import contextlib

from hypothesis import example, given, settings
from hypothesis import strategies as st

from otel_insights import curation, lives
from otel_insights.analysis.fingerprint import fingerprint
from otel_insights.analysis.grouping import group
from otel_insights.analysis.rules import Rule
from otel_insights.store import Store, cluster_services, clusters, corrections, hours, occurrences, rules
from otel_insights.store.corrections import WrongCorrection
from otel_insights.store.environments import EnvironmentKey
from otel_insights.store.observation import Observation
from otel_insights.store.recent import Recent
from otel_insights.store.schema_cluster_services import SUMS

T0 = 1_700_000_000_000_000_000
PLACES = ("pay", "ship", "mail")
WORDS = (
    "no route to the host given",
    "no route to the hosts given",
    "no carrier in this table",
    "nothing of this kind",
)
number = st.integers(0, 11)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("fail"), number),
        st.tuples(st.just("merge"), number, number),
        st.tuples(st.just("split"), number, number),
        st.tuples(st.just("rule"), number, st.sampled_from(WORDS)),
        st.tuples(st.just("unrule"), number),
        st.tuples(st.just("analyse")),
        st.tuples(st.just("resolve"), number),
    ),
    min_size=10,
    max_size=40,
)


class World:
    def __init__(self, db) -> None:
        self.db, self.failures, self.known, self.now = db, 0, set(), T0
        self.recent = Recent()

    def do(self, what: str, *values) -> None:
        self.now += 1_000
        with contextlib.suppress(WrongCorrection):
            getattr(self, what)(*values)

    def pick(self, at: int) -> str:
        everything = sorted(self.known)
        return everything[at % len(everything)] if everything else "none"

    def fail(self, at: int) -> None:
        place, words = PLACES[at % 3], WORDS[at // 3]
        stack = (
            f'Traceback (most recent call last):\n  File "/srv/{place}.py", line 3, in {place}\n    raise e\nE: {words}'
        )
        self.failures += 1
        one = Observation(
            key=self.failures,
            environment=EnvironmentKey("", "shop", "i"),
            fingerprint=fingerprint("E", words, stack),
            message=words,
            stacktrace=stack,
            trace_id=b"",
            span_id=b"",
            time_ns=self.now,
        )
        occurrences.record(self.db, [one], self.now, self.recent)

    def merge(self, one: int, other: int) -> None:
        curation.merge(self.db, self.pick(one), self.pick(other), self.now)

    def split(self, one: int, at: int) -> None:
        id_ = corrections.cluster_of(self.db, self.pick(one))
        held = corrections.members(self.db, id_)
        curation.split(self.db, id_, [held[at % len(held)]] if held else [], self.now)

    def rule(self, one: int, words: str) -> None:
        rules.add(self.db, self.pick(one), Rule(message=words), self.now)

    def unrule(self, at: int) -> None:
        rules.remove(self.db, at)

    def resolve(self, one: int) -> None:
        curation.resolve(self.db, self.pick(one), self.now)

    def analyse(self) -> None:
        hours.tally(self.db, self.now)
        rules.apply(self.db, "")
        grouping = group("", clusters.signatures(self.db, ""))
        assert lives.settle(self.db, "", grouping, corrections.revision(self.db), self.now)
        cluster_services.add_up_all(self.db)
        assert lives.look(self.db, self.now, 0) is None

    def check(self) -> None:
        shown = clusters.page(self.db)
        self.known |= {one.id for one in shown}
        assert sum(one.count for one in shown) == self.failures, "nothing is lost, nothing counted twice"
        kept = self.db.execute("SELECT * FROM cluster_service ORDER BY 1, 2").fetchall()
        summed = f"SELECT {SUMS} WHERE cluster_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"
        assert kept == self.db.execute(summed).fetchall(), "lists tell what single failures add up to"
        assert {clusters.surviving(self.db, one) for one in self.known} <= {one.id for one in shown}, (
            "no id leads nowhere"
        )
        for namespace, id_, wanted in self.db.execute("SELECT namespace, fingerprint, cluster_id FROM pin"):
            row = self.db.execute("SELECT cluster_id FROM fingerprint WHERE namespace = ? AND id = ?", [namespace, id_])
            assert row.fetchone()[0] == wanted, "people have their will"
        for one in shown:
            assert clusters.surviving(self.db, one.id) == one.id, "what is shown has not gone into another one"


def live(db, operations) -> None:
    world = World(db)
    for at in range(9):
        world.do("fail", at)
    world.do("analyse")
    world.check()
    for operation in operations:
        world.do(*operation)
        if operation[0] == "analyse":
            world.check()
    world.do("analyse")
    world.check()


RULES_THAT_EMPTY = [
    ("fail", 9), ("analyse",), ("rule", 0, WORDS[0]), ("rule", 5, WORDS[3]), ("analyse",), ("unrule", 2),
    ("rule", 0, WORDS[3]),
]  # fmt: skip
"""A cluster in which a rule has placed everything there is, and then the rule goes."""
NOT_COUNTED_YET = [("fail", 10), ("rule", 0, WORDS[3]), ("split", 0, 0)]
"""What no analysis has counted, placed by a rule and taken out again."""


@settings(max_examples=60, deadline=None)
@example(RULES_THAT_EMPTY)
@example(NOT_COUNTED_YET)
@given(OPERATIONS)
def test_no_order_of_corrections_and_clusterings_loses_anything(operations):
    async def run() -> None:
        store = Store.open("sqlite://")
        try:
            await store.write(live, operations)
        finally:
            await store.close()

    asyncio.run(run())

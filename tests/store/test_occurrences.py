"""The memory of raises: the rule of `analysis.occurrences`, over a real store."""

import pytest
from otlp_samples import T0, FakeHost

from otel_insights.analysis.fingerprint import Fingerprint, fingerprint
from otel_insights.store.environments import EnvironmentKey
from otel_insights.store.occurrences import Observation, key_of, record

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
        self.sent = 0

    async def observe(self, trace: bytes, one: Fingerprint) -> int:
        """Record it; how many occurrences there are then."""
        self.sent += 1
        key = key_of(self.sent.to_bytes(4, "big"))
        place = EnvironmentKey("", "shop", "i-1")
        observed = Observation(key, place, one, "", "", trace, b"", T0)
        await self.store.write(record, [observed], T0)
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

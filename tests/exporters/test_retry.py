"""How often and how long something is tried."""

import pytest
from next_hop import FakeTime

from otel_insights.errors import BadData, Refused
from otel_insights.exporters.otlp_answers import NotLetIn
from otel_insights.exporters.retry import Bound, Clock, retried

BOUND = Bound(initial_interval=1.0, max_interval=4.0, max_elapsed=20.0, timeout=60.0)


class Attempts:
    """Fail as told, then succeed; notes the seconds that each try was given."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.given = list(errors), []

    async def __call__(self, seconds: float) -> str:
        self.given.append(seconds)
        if self.errors:
            raise self.errors.pop(0)
        return "done"


async def test_pauses_grow_by_half_up_to_the_longest():
    time = FakeTime()
    assert await retried(Attempts(*[Refused("no")] * 6), BOUND, time.clock) == "done"
    assert time.pauses == [1.0, 1.5, 2.25, 3.375, 4.0, 4.0]


@pytest.mark.parametrize(("chance", "pause"), [(0.0, 0.5), (0.5, 1.0), (0.999, 1.499)])
async def test_chance_spreads_a_pause_by_half_to_both_sides(chance, pause):
    time = FakeTime()
    await retried(Attempts(Refused("no")), BOUND, Clock(lambda: time.time, time.sleep, lambda: chance))
    assert time.pauses == [pytest.approx(pause)]


async def test_each_try_is_given_what_is_left_of_the_timeout():
    time, attempts = FakeTime(), Attempts(Refused("no"), Refused("no", retry_after=9))
    await retried(attempts, BOUND, time.clock)
    assert attempts.given == [60.0, 59.0, 50.0]


async def test_a_hint_lengthens_a_pause_and_never_shortens_it():
    time = FakeTime()
    await retried(Attempts(Refused("no", retry_after=0.1), Refused("no", retry_after=5)), BOUND, time.clock)
    assert time.pauses == [1.0, 5.0]


async def test_no_try_begins_behind_the_bound_and_the_sender_hears_what_pause_came_next():
    time, attempts = FakeTime(), Attempts(*[Refused("no")] * 100)
    with pytest.raises(Refused) as caught:
        await retried(attempts, BOUND, time.clock)
    assert time.time <= BOUND.max_elapsed
    assert caught.value.retry_after == 4.0


async def test_the_timeout_bounds_tries_where_it_is_the_shorter_one():
    time = FakeTime()
    with pytest.raises(Refused):
        await retried(Attempts(*[Refused("no")] * 100), Bound(1, 4, 20, timeout=2), time.clock)
    assert time.pauses == [1.0]


@pytest.mark.parametrize("error", [BadData("never"), NotLetIn("who are you"), RuntimeError("a bug")])
async def test_other_errors_pass_at_once(error):
    time = FakeTime()
    with pytest.raises(type(error), match=str(error)):
        await retried(Attempts(error), BOUND, time.clock)
    assert time.pauses == []

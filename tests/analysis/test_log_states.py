"""Where a log template stands, and what rose together."""

import random

from otel_insights.analysis.log_states import NEW, ONGOING, SURGING, VANISHED, state
from otel_insights.analysis.together import risen_hours, rose_together

STEADY = dict.fromkeys(range(100), 6.0)


def test_what_is_logged_as_ever_is_ongoing_and_what_comes_first_today_is_new():
    assert state(STEADY, 0, 0, 99) == ONGOING
    assert state({99: 1.0}, 99, 0, 100) == NEW
    assert state({99: 1.0}, 99, 0, 99 + 24) == ONGOING


def test_nothing_of_a_service_that_is_new_itself_is_new():
    assert state({5: 1.0}, 5, 0, 6) == ONGOING


def test_an_hour_that_is_far_above_its_own_past_is_a_surge():
    assert state(STEADY | {99: 80.0}, 0, 0, 99) == SURGING
    assert state(STEADY | {99: 80.0}, 0, 0, 100) == SURGING


def test_what_came_every_hour_vanishes_in_hours_and_what_came_now_and_then_in_days():
    assert state(STEADY, 0, 0, 101) == ONGOING
    assert state(STEADY, 0, 0, 103) == VANISHED
    seldom = dict.fromkeys(range(0, 100, 6), 1.0)
    assert state(seldom, 0, 0, 110) == ONGOING
    assert state(seldom, 0, 0, 170) == VANISHED


def test_what_comes_by_chance_rises_with_nothing():
    """Of 50 draws, each of which asks about 200 lines, one in 20 at most may be wrong."""
    wrong = 0
    for seed in range(50):
        rng = random.Random(seed)
        lines = [(str(n), {hour: float(rng.randrange(6)) for hour in range(150)}) for n in range(200)]
        risen = frozenset(rng.sample(range(150), 5))
        wrong += bool(rose_together(risen, range(150), lines))
    assert wrong <= 2


def test_a_cluster_that_is_there_all_the_time_rises_in_no_hour():
    assert not risen_hours(STEADY, range(100))
    assert risen_hours(STEADY | {50: 60.0}, range(100)) == {50}
    assert not risen_hours({3: 9.0}, range(4))

"""The life of a cluster, by rules alone; and how often chance looks like a spike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import default_rng
from scipy.stats import poisson

from otel_insights.analysis.lifecycle import LONGEST_SPIKE_NS, RECENT_NS, Life, Seen, step
from otel_insights.analysis.spikes import HOUR_NS, log_tail, spike

DAY = 24 * HOUR_NS
START = 1_000 * HOUR_NS
QUIET = 14 * DAY


def seen(hours, *, heard=None) -> Seen:
    last = max(hours) * HOUR_NS
    return Seen(min(hours) * HOUR_NS, last, heard if heard is not None else last, hours)


def steady(until: int, rate: float = 4.0, since: int = 1_000) -> dict[int, float]:
    return dict.fromkeys(range(since, until), rate)


def test_what_is_seen_for_a_week_is_ongoing():
    life = Life("new", START)
    assert step(life, seen(steady(1_100)), 1_100 * HOUR_NS, QUIET).life.state == "new"
    assert step(life, seen(steady(1_170)), START + RECENT_NS + 1, QUIET).life.state == "ongoing"


def test_an_hour_with_ten_times_the_usual_escalates_and_two_usual_hours_end_it():
    hours = steady(1_100) | {1_100: 40.0}
    now = 1_100 * HOUR_NS + 60 * 10**9
    escalating = step(Life("ongoing", START), seen(hours), now, QUIET)
    assert escalating.life.state == "escalating"
    assert escalating.spike.expected == 4
    life = escalating.life
    for hour, expected in ((1_101, "escalating"), (1_102, "escalating"), (1_103, "ongoing")):
        hours |= {hour - 1: hours.get(hour - 1, 4.0)}
        life = step(life, seen(hours), hour * HOUR_NS + 1, QUIET).life
        assert life.state == expected, hour


def test_an_hour_in_between_that_is_usual_does_not_end_a_spike():
    hours = steady(1_100) | {1_100: 80.0, 1_101: 4.0, 1_102: 80.0, 1_103: 4.0}
    life = Life("escalating", 1_100 * HOUR_NS)
    for hour in (1_102, 1_103, 1_104):
        life = step(life, seen(hours), hour * HOUR_NS + 1, QUIET).life
        assert life.state == "escalating", hour


def test_a_rate_that_stays_is_usual_after_a_day():
    hours = steady(1_100) | dict.fromkeys(range(1_100, 1_130), 80.0)
    life = Life("escalating", 1_100 * HOUR_NS)
    assert step(life, seen(hours), 1_110 * HOUR_NS, QUIET).life.state == "escalating"
    assert step(life, seen(hours), life.since_ns + LONGEST_SPIKE_NS + 1, QUIET).life.state == "ongoing"


def test_a_batch_of_history_never_escalates_and_is_not_quiet():
    hours = steady(1_100) | {1_100: 4_000.0}
    now = 9_000 * HOUR_NS
    assert step(Life("new", now), seen(hours, heard=now), now, QUIET).life == Life("new", now)


def test_what_has_no_history_does_not_escalate():
    assert spike({1_000: 5_000.0}, 1_000, 1_000) is None


def test_mornings_are_no_spikes():
    hours = {1_000 + at: 200.0 if 8 <= at % 24 < 18 else 2.0 for at in range(24 * 8)}
    first, today = 1_000, 1_000 + 24 * 7
    assert [hour for hour in range(today, today + 24) if spike(hours, first, hour)] == []


def test_seen_again_after_it_was_resolved_is_regressed_and_an_older_event_that_comes_late_is_not():
    resolved = Life("resolved", START, resolved_by="person")
    late = Seen(START - 9, START - 5, START + 7, {})
    assert step(resolved, late, START + 8, QUIET).life == resolved
    again = Seen(START - 9, START + 5, START + 7, {})
    assert step(resolved, again, START + 8, QUIET).life == Life("regressed", START + 5, resolved_by="person")


def test_silence_resolves_unless_that_is_switched_off():
    life, last = Life("ongoing", START), seen({1_000: 1.0})
    assert step(life, last, START + QUIET, QUIET).life.state == "ongoing"
    assert step(life, last, START + QUIET + 1, QUIET).life.resolved_by == "quiet"
    assert step(life, last, START + 9 * QUIET, 0).life.state == "ongoing"


def test_archived_rests_until_its_time():
    life = Life("archived", START, until_ns=START + DAY)
    busy = steady(1_020) | {1_020: 900.0}
    assert step(life, seen(busy), START + DAY - 1, QUIET).life == life
    assert step(life, seen(busy), START + DAY, QUIET).life.state == "ongoing"


@given(st.floats(0.1, 50), st.integers(0, 200))
def test_the_bound_is_never_less_than_the_chance(mean, count):
    assert log_tail(count, mean, 1.0) >= poisson.logsf(count - 1, mean) - 1e-9


@pytest.mark.parametrize("rate", [0.3, 3, 30])
def test_chance_alone_does_not_escalate(rate):
    draw = default_rng(1)
    for _ in range(10):
        hours = dict(enumerate(draw.poisson(rate, 3_360).astype(float).tolist()))
        assert [hour for hour in range(0, 3_360, 3) if spike(hours, 0, hour)] == []

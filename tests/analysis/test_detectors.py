"""What is unusual, and what is made of it: on series whose incidents are known."""

import numpy as np
import pytest

from otel_insights.analysis import detectors, episodes
from otel_insights.analysis.points import Points

MINUTE, DAY = 60, 86_400


def daily(days: float, seed: int = 3, noise: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Load by the minute that rises and falls with the day."""
    times = np.arange(0, int(days * DAY), MINUTE)
    rng = np.random.default_rng(seed)
    return times, 100 + 40 * np.sin(times / DAY * 2 * np.pi) + rng.normal(0, noise, len(times))


def scored(times: np.ndarray, *columns: np.ndarray, at_once: int = 1000) -> tuple[np.ndarray, list[np.ndarray]]:
    """Give the scores of several series that have points at the same times; and where episodes opened."""
    many = len(columns)
    known, state = detectors.new_state(many), episodes.new_state(many)
    scores, opened = np.zeros((many, len(times))), np.zeros((many, len(times)), bool)
    for start in range(0, len(times), at_once):
        some = times[start : start + at_once]
        rows = np.tile(np.arange(many, dtype=np.int32), len(some))
        values = np.stack([column[start : start + at_once] for column in columns], 1).ravel()
        points = Points.sorted(rows, np.repeat(some, many) * 10**9, values)
        for part in detectors.rounds(points):
            row, seconds = points.rows[part].astype(np.intp), points.times[part] // 10**9
            judged = detectors.judge(known, row, seconds, points.values[part])
            step = episodes.step(state, row, seconds.astype(float), judged.score, np.ones(len(row), bool))
            at = np.searchsorted(times, seconds)
            scores[row, at], opened[row, at] = step.score, step.opened
    return scores, [np.flatnonzero(one) for one in opened]


def test_a_spike_is_one_anomaly_and_a_usual_day_is_none():
    times, values = daily(4)
    at = 3 * 1440 + 300
    spiky = values.copy()
    spiky[at : at + 10] += 60
    scores, (quiet, (opened, *more)) = scored(times, values, spiky)
    assert len(quiet) == 0
    assert scores[0].max() <= 1
    assert (opened, more) == (at, [])
    assert scores[1, at : at + 10].min() > 1
    assert scores[1, at + 20 :].max() <= 1


def test_a_drop_is_an_anomaly_too():
    times, values = daily(4)
    at = 3 * 1440 + 600
    values[at : at + 15] = 0
    assert [one - at for one in scored(times, values)[1][0]] == [0]


def test_what_is_usual_at_another_time_of_day_is_not_usual_now():
    times, values = daily(5)
    at = 4 * 1440 + 1080  # the lowest hour
    values[at : at + 20] = 135
    assert at in scored(times, values)[1][0]


def test_what_is_usual_lies_within_the_band_and_what_opens_an_anomaly_outside_of_it():
    times, values = daily(3)
    at = 2 * 1440 + 300
    values[at] += 90
    known, state, row = detectors.new_state(1), episodes.new_state(1), np.zeros(1, np.intp)
    outside = np.zeros(len(times), bool)
    for now, (seconds, value) in enumerate(zip(times, values, strict=True)):
        judged = detectors.judge(known, row, np.array([seconds]), np.array([value]))
        step = episodes.step(state, row, np.array([float(seconds)]), judged.score, np.ones(1, bool))
        outside[now] = (abs(value - judged.expected) > judged.scale * step.threshold)[0]
    assert outside[at]
    assert outside[200:].sum() - 1 < 5


def test_what_is_anomalous_again_counts_in_full_only_if_it_is_more_so():
    times, values = daily(4, noise=1.0)
    first, lesser, greater = (3 * 1440 + hour * 60 for hour in (2, 6, 10))
    values[first] += 60
    values[lesser] += 40
    values[greater] += 200
    scores, (opened,) = scored(times, values)
    assert {first, lesser, greater} <= set(opened)
    assert 1 < scores[0, lesser] <= 1.05 < scores[0, first] < scores[0, greater]


def test_a_level_shift_opens_once_and_is_accepted():
    times, values = daily(4)
    at = 3 * 1440
    values[at:] += 80
    scores, (opened,) = scored(times, values)
    assert opened[0] == at
    assert len(opened) <= 2
    assert scores[0, at + 240 :].max() <= 1, "four hours later it is the usual"


def test_a_series_that_has_just_begun_cries_for_nothing_small():
    times, values = daily(0.5)
    assert [len(one) for one in scored(times, values, values * 1e9, values * 1e-9)[1]] == [0, 0, 0]


def test_a_constant_series_is_normal_and_its_first_change_is_not():
    times = np.arange(0, 2 * DAY, MINUTE)
    values = np.full(len(times), 7.0)
    at = len(times) - 5
    values[at:] = 8.0
    scores, (opened,) = scored(times, values)
    assert list(opened) == [at]
    assert scores[0, :at].max() == 0


def test_scores_do_not_depend_on_the_unit():
    times, values = daily(4)
    values[4000:4005] += 50
    scores, _ = scored(times, values, values * 1000, values + 1e6)
    assert np.allclose(scores[0], scores[1], rtol=1e-3, atol=1e-3)
    assert np.allclose(scores[0], scores[2], rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("at_once", [1, 7, 5000])
def test_how_points_come_in_requests_does_not_matter(at_once):
    times, values = daily(1.2)
    values[1500:1503] += 70
    assert np.array_equal(scored(times, values)[0], scored(times, values, at_once=at_once)[0])


def test_later_points_change_no_earlier_score():
    times, values = daily(3)
    changed = values.copy()
    changed[3000:] *= 5
    scores, _ = scored(times, values, changed)
    assert np.array_equal(scores[0, :3000], scores[1, :3000])


def test_what_is_missing_or_no_number_is_left_out():
    points = Points.sorted(np.array([0, 0, 1]), np.array([1, 2, 1]), np.array([np.nan, 3.0, np.inf]))
    assert [points.values[part].tolist() for part in detectors.rounds(points)] == [[3.0]]
    assert detectors.rounds(Points.sorted(np.zeros(0, int), np.zeros(0, int), np.zeros(0))) == []


def test_huge_values_and_jumps_are_scored_without_a_warning():
    times = np.arange(0, DAY // 2, MINUTE)
    values = np.where(times % 600 == 0, 1.7e308, -1.7e308)
    assert np.isfinite(scored(times, values)[0]).all()


def test_a_series_that_cries_often_is_believed_less():
    times, values = daily(6, noise=1.0)
    for hour in range(2 * 24, 6 * 24):
        values[hour * 60 : hour * 60 + 3] += 25
    _, (opened,) = scored(times, values)
    by_day = np.bincount(times[opened] // DAY, minlength=6)
    assert by_day[5] < by_day[2]


def test_what_is_known_of_a_series_is_bounded():
    assert detectors.FIELDS.itemsize + episodes.FIELDS.itemsize < 5 * 1024

"""The plain detectors do what all detectors do, and no more than they say."""

import numpy as np
import pytest

from otel_insights.analysis.episodes import THRESHOLD
from otel_insights.analysis.models import MODELS, Model


def judged(model: Model, *columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give scores, expectations and scales of series, one point of each at a time."""
    rows, state = np.arange(len(columns)), model.new_state(len(columns))
    steps = [
        model.judge(state, rows, np.full(len(columns), 60 * at), np.array(values, float))
        for at, values in enumerate(zip(*columns, strict=True))
    ]
    return tuple(np.stack([getattr(one, name) for one in steps], 1) for name in ("score", "expected", "scale"))


def noise(many: int = 600) -> np.ndarray:
    return np.random.default_rng(5).normal(50, 2, many)


@pytest.fixture(params=["rolling", "ewma"])
def model(request) -> Model:
    return MODELS[request.param]


def test_six_standard_deviations_are_the_threshold(model):
    values = noise()
    values[-1] = 50 + 13
    scores, expected, scale = judged(model, values)
    assert scores[0, -1] == pytest.approx(THRESHOLD * 13 / 2 / 6, rel=0.2)
    assert scores[0, :-1].max() < THRESHOLD
    assert expected[0, -1] == pytest.approx(50, abs=1)
    assert abs(values[-1] - expected[0, -1]) / scale[0, -1] == pytest.approx(scores[0, -1])


def test_the_rolling_mean_is_of_the_last_240_points_however_many_came():
    values = np.concatenate([noise(500) + 1e6, noise(1000)])
    _, expected, scale = judged(MODELS["rolling"], values)
    assert expected[0, -1] == pytest.approx(values[-241:-1].mean(), rel=1e-4)
    assert scale[0, -1] * THRESHOLD / 6 == pytest.approx(values[-241:-1].std(), rel=1e-2)


def test_the_weighted_mean_forgets_by_half_in_60_points():
    values = np.concatenate([np.zeros(1000), np.ones(60)])
    _, expected, _ = judged(MODELS["ewma"], np.append(values, 1.0))
    assert expected[0, -1] == pytest.approx(0.5)


def test_nothing_is_said_of_a_series_that_has_just_begun(model):
    assert judged(model, np.array([1.0, 1e9] * 15))[0].max() == 0


def test_a_constant_series_is_normal_and_its_first_change_is_not(model):
    scores, _, _ = judged(model, np.append(np.full(100, 7.0), 8.0))
    assert scores[0, :-1].max() == 0
    assert scores[0, -1] > THRESHOLD


def test_scores_do_not_depend_on_the_unit_or_on_other_series(model):
    values = noise()
    scores, _, _ = judged(model, values, values * 1000, values + 1e6, np.zeros(len(values)))
    assert np.allclose(scores[0], scores[1], rtol=1e-3, atol=1e-4)
    assert np.allclose(scores[0], scores[2], rtol=1e-2, atol=1e-2)
    assert np.array_equal(scores[0], judged(model, values)[0][0])


def test_huge_values_are_scored_without_a_warning(model):
    assert np.isfinite(judged(model, np.where(np.arange(300) % 2, 1.7e308, -1.7e308))[0]).all()


@pytest.mark.parametrize("name", MODELS)
def test_what_is_known_of_a_series_is_bounded(name):
    assert MODELS[name].fields.itemsize < 5 * 1024

"""Texts on a plane."""

import numpy as np

from otel_insights.analysis.layout import lay_out

TEXTS = [f"{kind} failed in {place}" for kind in ("connection", "decoder zzz", "payment") for place in "abcdefgh"]


def test_what_is_alike_lies_together():
    places = lay_out(TEXTS, [0.005] * len(TEXTS))
    middles = places.reshape(3, 8, 2).mean(axis=1)
    within = np.linalg.norm(places.reshape(3, 8, 2) - middles[:, None], axis=2).mean()
    between = np.linalg.norm(middles[:, None] - middles[None], axis=2)[np.triu_indices(3, 1)].mean()
    assert between > 2 * within


def test_circles_stay_within_the_square_and_off_each_other_even_for_equal_texts():
    radii = np.array([0.03] * 20)
    places = lay_out(["the same"] * 20, radii)
    assert (places >= 0.03).all()
    assert (places <= 0.97).all()
    distance = np.linalg.norm(places[:, None] - places[None], axis=2) + np.eye(20)
    assert distance.min() > 0.05


def test_the_same_texts_have_the_same_places_and_one_has_one():
    assert np.array_equal(lay_out(TEXTS, [0.01] * 24), lay_out(TEXTS, [0.01] * 24))
    assert lay_out(["alone"], [0.1]).shape == (1, 2)

"""From scores to anomalies: one for each episode, few at first, and quieter where a series cries often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from otel_insights.analysis.expectations import Rows, State, Values

THRESHOLD: Final = 2.05
"""Of the detector's score, for a series that is known and has not been anomalous lately."""
_COLD, _COLD_HALF_LIFE = 2.0, 86_400.0
"""How much higher the threshold of a new series is, and seconds after which half of that is gone."""
_GAIN, _GAIN_HALF_LIFE, _MOST_GAIN = 0.07, 86_400.0, 1.5
"""By how much (in logarithms) each episode raises the threshold, seconds after which half of that is gone, the most."""
_HOLD, _LOW = 120.0, 0.6
"""An episode ends when the score is below that share of the threshold, and was not above it for so many seconds."""
_QUIET = 1620.0
"""Seconds after an episode in which only a much higher peak opens another."""
_MUCH_HIGHER = 1.5
_BAR_HALF_LIFE, _BELOW_BAR = 86_400.0, 0.05
"""A score counts in full above a bar, the highest one so far, which halves in a day; below it, it becomes 1 to 1.05."""
_OPEN: Final = 1.0001

FIELDS: Final = np.dtype(
    [
        ("first", "f8"),
        ("last_point", "f8"),
        ("gain", "f8"),
        ("open", "?"),
        ("last_above", "f8"),
        ("quiet_until", "f8"),
        ("peak", "f8"),
        ("bar", "f8"),
        ("factor", "f4"),
    ]
)


@dataclass(frozen=True, slots=True)
class Step:
    """What one point of some series did."""

    score: Values
    """0 to 1: normal; above 1: anomalous."""
    threshold: Values
    """The detector's score that is 1 here."""
    opened: np.ndarray
    closed: np.ndarray
    is_open: np.ndarray


def new_state(size: int) -> State:
    """Make rows for series of which nothing is known."""
    state = np.zeros(size, FIELDS)
    state["factor"] = 1.0
    state["quiet_until"] = -np.inf
    state["last_point"] = -np.inf
    return state


def begin(state: State, rows: Rows) -> None:
    """Forget all about some series."""
    state[rows] = new_state(1)[0]


def step(state: State, rows: Rows, seconds: Values, scores: Values, allowed: np.ndarray) -> Step:
    """Take one new point of each of some series; each row once. Where it is not `allowed`, none is anomalous.

    `factor` of the state multiplies the threshold: what people have said, and the configuration.
    """
    last = state["last_point"][rows]
    new = np.isneginf(last)
    state["first"][rows[new]] = seconds[new]
    state["last_point"][rows] = seconds
    passed = np.where(new, 0.0, seconds - np.where(new, seconds, last))
    gain = state["gain"][rows] * 0.5 ** (passed / _GAIN_HALF_LIFE)
    age = seconds - state["first"][rows]
    threshold = THRESHOLD * (1 + _COLD * 0.5 ** (age / _COLD_HALF_LIFE)) * np.exp(np.minimum(gain, _MOST_GAIN))
    threshold *= state["factor"][rows]
    ratio = np.where(allowed, scores / threshold, np.minimum(scores / threshold, 1.0))
    was_open, peak, last_above = state["open"][rows], state["peak"][rows], state["last_above"][rows]
    above = ratio > 1
    opened = ~was_open & above & ((seconds >= state["quiet_until"][rows]) | (ratio > _MUCH_HIGHER * peak))
    last_above = np.where(above & (was_open | opened), seconds, last_above)
    stays = was_open & ((ratio > _LOW) | (seconds - last_above <= _HOLD))
    closed = was_open & ~stays
    state["gain"][rows] = gain + np.where(closed, _GAIN, 0.0)
    state["quiet_until"][rows] = np.where(closed, last_above + _QUIET, state["quiet_until"][rows])
    state["peak"][rows] = np.where(opened, ratio, np.where(was_open & above, np.maximum(peak, ratio), peak))
    state["last_above"][rows] = last_above
    is_open = stays | opened
    state["open"][rows] = is_open
    told = _loud(state, rows, passed, np.maximum(ratio, _OPEN), is_open)
    return Step(np.where(is_open, told, np.minimum(ratio, 1.0)), threshold, opened, closed, is_open)


def _loud(state: State, rows: Rows, passed: Values, ratio: Values, is_open: np.ndarray) -> Values:
    """Let what is anomalous again, but less so, be so more quietly: whoever ranks by score reads news first."""
    bar = state["bar"][rows] * 0.5 ** (passed / _BAR_HALF_LIFE)
    news = is_open & (ratio > bar)
    state["bar"][rows] = np.where(news, ratio, bar)
    return np.where(news, ratio, 1 + (1 - 1 / ratio) * _BELOW_BAR)

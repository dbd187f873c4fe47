"""Two plain detectors: how many standard deviations a point lies from a rolling mean, or from a weighted one.

They know nothing of the time of day, and outliers widen what they take for usual. For those who want just that, and for
comparison: docs/anomalies.md tells how much less they find than `detectors`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis.detectors import Judged
from otel_insights.analysis.episodes import THRESHOLD
from otel_insights.analysis.expectations import Rows, State, Values

_WINDOW: Final = 240
_HALF_LIFE: Final = 60.0
_WARM: Final = 30
"""Points."""
_UNIT: Final = 6.0 / THRESHOLD
"""Standard deviations that are a score of 1, so that six are the threshold."""

ROLLING_FIELDS: Final = np.dtype(
    [("first_value", "f8"), ("window", "f4", (_WINDOW,)), ("seen", "u4"), ("sum", "f8"), ("square", "f8")]
)
EWMA_FIELDS: Final = np.dtype([("first_value", "f8"), ("seen", "u4"), ("mean", "f8"), ("variance", "f8")])


def begin(state: State, rows: Rows) -> None:
    """Forget all about some series."""
    state[rows] = np.zeros(1, state.dtype)[0]


def judge_rolling(state: State, rows: Rows, _seconds: NDArray[np.int64], values: Values) -> Judged:
    """Score one new point of each of some series against the 240 before it, then learn it; each row once."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        moved, first = _from_first(state, rows, values)
        moved = moved.astype(np.float32).astype(np.float64)  # what leaves the window later is what came into it
        seen = state["seen"][rows]
        filled = np.minimum(seen, _WINDOW)
        mean = state["sum"][rows] / np.maximum(filled, 1)
        variance = state["square"][rows] / np.maximum(filled, 1) - mean * mean
        judged = _judged(moved - mean, np.sqrt(np.maximum(variance, 0.0)), mean + first, seen)
        place = seen % _WINDOW
        left = np.where(seen >= _WINDOW, state["window"][rows, place], 0.0).astype(np.float64)
        state["window"][rows, place] = moved
        state["sum"][rows] += moved - left
        state["square"][rows] += moved * moved - left * left
        state["seen"][rows] = seen + 1
        _sum_anew(state, rows[place == _WINDOW - 1])
    return judged


def _sum_anew(state: State, rows: Rows) -> None:
    """Undo what rounding has added up, once in a window."""
    if len(rows):
        window = state["window"][rows].astype(np.float64)
        state["sum"][rows], state["square"][rows] = window.sum(1), (window * window).sum(1)


def judge_ewma(state: State, rows: Rows, _seconds: NDArray[np.int64], values: Values) -> Judged:
    """Score one new point of each of some series against means with a half-life of 60 points, then learn it."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        moved, first = _from_first(state, rows, values)
        seen, mean, variance = state["seen"][rows], state["mean"][rows], state["variance"][rows]
        residual = moved - mean
        judged = _judged(residual, np.sqrt(variance), mean + first, seen)
        share = np.maximum(1 - 0.5 ** (1 / _HALF_LIFE), 1 / (seen + 1.0))
        state["mean"][rows] = mean + share * residual
        state["variance"][rows] = (1 - share) * (variance + share * residual * residual)
        state["seen"][rows] = seen + 1
    return judged


def _from_first(state: State, rows: Rows, values: Values) -> tuple[Values, Values]:
    """Give values relative to the first one of their series: squares of large ones would leave no digits."""
    fresh = state["seen"][rows] == 0
    state["first_value"][rows[fresh]] = values[fresh]
    first: Values = state["first_value"][rows]
    return values - first, first


def _judged(residual: Values, deviation: Values, expected: Values, seen: NDArray[np.integer]) -> Judged:
    size = np.abs(residual)
    score = np.where(deviation > 0, size / (deviation * _UNIT), np.where(size > 0, 1e4, 0.0))
    score = np.where(seen >= _WARM, np.nan_to_num(score, posinf=1e9), 0.0)
    return Judged(score, np.where(seen > 0, expected, np.nan), deviation * _UNIT)

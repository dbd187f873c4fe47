"""Scores of metric points: how far each lies from what its series was expected to do, by the series' own measure.

Residuals to several expectations (see `expectations`) are divided by a slow robust scale each. The geometric mean of
four asks for agreement, the largest of three short-term ones lets a sudden one through; the geometric mean of both is
divided by the 98 % quantile of its own past. None of the expectations wins alone on operations metrics, together they
do (figures in docs/anomalies.md). All series are scored in one pass of numpy; nothing is tuned for a series.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from otel_insights.analysis import expectations
from otel_insights.analysis.expectations import NAMES, Rows, State, Values
from otel_insights.analysis.points import Points

VERSION: Final = "robust-2"
"""Of the model; a finding names it."""
_WARM: Final = np.array([30, 30, 30, 100, 30, 30, 100])
"""Points that a scale has seen before it judges, for each expectation."""
_AGREEING = 4
"""The first of the expectations: all of them count; of the others the one that is missed by most."""
_SHORT, _SEASONAL = NAMES.index("level2"), NAMES.index("seasonal level")
"""From these one expects."""
_SCALE_HALF_LIFE = 1400.0
_TAIL_HALF_LIFE = 40_000.0
"""Points."""
_BINS: Final = 128
_LOWEST, _HIGHEST = np.log(1e-2), np.log(1e4)
_BIN: Final = (_HIGHEST - _LOWEST) / _BINS
_QUANTILE = 0.98
_PRIOR = 3.5
"""The quantile that is assumed until a series has shown its own."""
_PRIOR_WEIGHT = 2000.0
_LEAST = 0.3
_EVERY = 16
"""Points between two looks at the quantile."""

FIELDS: Final = np.dtype(
    [
        ("first_value", "f8"),
        *expectations.FIELDS,
        ("deviation", "f8", (len(NAMES),)),
        ("square", "f8", (len(NAMES),)),
        ("judged", "u4", (len(NAMES),)),
        ("tail", "f4", (_BINS,)),
        ("tail_total", "f8"),
        ("tail_weight", "f8"),
        ("tail_quantile", "f8"),
    ]
)
"""All that is known of a series, in bytes: some 3.3 KiB."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One point of some series: how unusual each is, what was expected, and how far from that a score of 1 would be.

    NaN where that is unknown.
    """

    score: Values
    """About 1 for the most unusual 2 % of what the series does; 0 while it is new."""
    expected: Values
    scale: Values


def new_state(size: int) -> State:
    """Make rows for series of which nothing is known."""
    state = np.zeros(size, FIELDS)
    begin(state, np.arange(size))
    return state


def begin(state: State, rows: Rows) -> None:
    """Forget all about some series."""
    state[rows] = np.zeros(1, FIELDS)[0]
    fresh = state[rows]
    expectations.empty(fresh)
    fresh["tail_weight"] = 1.0
    fresh["tail_quantile"] = _PRIOR
    state[rows] = fresh


def rounds(points: Points) -> list[np.ndarray]:
    """Take points apart so that no part holds a series twice, in order of time; what is no number is left out."""
    order = np.lexsort((np.arange(len(points)), points.rows))
    order = order[np.isfinite(points.values[order])]
    rows = points.rows[order]
    first = np.r_[True, rows[1:] != rows[:-1]] if len(rows) else np.zeros(0, bool)
    starts = np.maximum.accumulate(np.where(first, np.arange(len(rows)), 0))
    turn = np.arange(len(rows)) - starts
    by_turn = np.argsort(turn, kind="stable")
    return np.split(order[by_turn], np.cumsum(np.bincount(turn))[:-1]) if len(rows) else []


def judge(state: State, rows: Rows, seconds: np.ndarray, values: Values) -> Judged:
    """Score one new point of each of some series, then learn it; each row once, later than what it has seen."""
    fresh = state["seen"][rows] == 0
    state["first_value"][rows[fresh]] = values[fresh]
    first = state["first_value"][rows]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        residuals, expected = expectations.residuals(state, rows, seconds, values - first)
        z, scales = _scaled(state, rows, np.abs(residuals))
        known = ~np.isnan(residuals)
        agreeing = known[:, :_AGREEING]
        logs = np.where(agreeing, np.log(z[:, :_AGREEING] + 0.1), 0.0)
        mean = np.exp(logs.sum(1) / np.maximum(agreeing.sum(1), 1))
        raw = np.nan_to_num(np.sqrt(mean * z[:, _AGREEING:].max(1)), posinf=1e9)
        usual = _usual(state, rows)
        _learn_tail(state, rows, raw)
        seasonal = known[:, _SEASONAL] & (scales[:, _SEASONAL] > 0)
        scale = np.where(seasonal, scales[:, _SEASONAL], scales[:, _SHORT]) * usual
    return Judged(raw / usual, np.where(fresh, np.nan, expected + first), scale)


def _scaled(state: State, rows: Rows, sizes: Values) -> tuple[Values, Values]:
    """Divide residuals by their mean absolute size, winsorised; by 0.3 of their root mean square at least."""
    known = ~np.isnan(sizes)
    sizes = np.where(known, sizes, 0.0)
    deviation, square, count = state["deviation"][rows], state["square"][rows], state["judged"][rows]
    scales = np.maximum(1.2533 * deviation, 0.3 * np.sqrt(square))
    warm = count >= _WARM
    z = np.where(scales > 0, sizes / scales, np.where(sizes == 0, 0.0, 1e4))
    z = np.where(known & warm, z, 0.0)
    share = np.where(known, np.maximum(1 / (count + 2.0), 1 - 0.5 ** (1 / _SCALE_HALF_LIFE)), 0.0)
    tame = np.where(warm, np.minimum(sizes, 5 * 1.2533 * np.maximum(deviation, 1e-300)), sizes)
    state["deviation"][rows] = deviation + share * (tame - deviation)
    state["square"][rows] = square + share * (sizes * sizes - square)
    state["judged"][rows] = count + known
    return z, scales


def _usual(state: State, rows: Rows) -> Values:
    """Give the high quantile of each series' own past, of which little is believed at first."""
    count = state["seen"][rows] - 1.0
    believed = count / (count + _PRIOR_WEIGHT)
    quantile = np.maximum(state["tail_quantile"][rows], _LEAST)
    return np.asarray(quantile**believed * _PRIOR ** (1 - believed))


def _learn_tail(state: State, rows: Rows, raw: Values) -> None:
    count = state["seen"][rows] - 1.0
    weight = state["tail_weight"][rows]
    bins = np.clip((np.log(np.maximum(raw, 1e-2)) - _LOWEST) / _BIN, 0, _BINS - 1).astype(np.intp)
    state["tail"][rows, bins] += weight.astype(np.float32)
    total = state["tail_total"][rows] + weight
    # newer points weigh more, which is the same as older ones fading
    weight = weight / 0.5 ** (1 / _TAIL_HALF_LIFE)
    large = weight > 1e6  # noqa: PLR2004
    if large.any():
        shrunk = rows[large]
        state["tail"][shrunk] /= weight[large, None].astype(np.float32)
        total[large] /= weight[large]
        weight[large] = 1.0
    state["tail_total"][rows], state["tail_weight"][rows] = total, weight
    due = (count % _EVERY == 0) & (total / weight >= 100)  # noqa: PLR2004 - points that make a quantile
    if due.any():
        above = state["tail"][rows[due]][:, ::-1].cumsum(1, dtype=np.float64)
        from_above = (above >= (1 - _QUANTILE) * total[due, None]).argmax(1)
        state["tail_quantile"][rows[due]] = np.exp(_LOWEST + (_BINS - from_above) * _BIN)

"""What a series is expected to do next: its last value and level, the same time of day, the same hour of the week.

Every function takes the state of all series (a structured array, a row each) and one new point of some of them, gives
the residuals before the point is learnt, and learns it. Causal: nothing later than a point touches its residuals.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]
Values = NDArray[np.float64]
State = NDArray[Any]

_DAY, _WEEK = 86_400, 7 * 86_400
_DAY_SLOT, _WEEK_SLOT = 300, 3600
"""Seconds."""
_CLIP: Final = 4.0 * 1.2533
"""A visit moves its slot by at most four robust scales (mean absolute deviation times sqrt(pi/2)), so that one incident
is not expected again tomorrow."""
_SETTLED: Final = 50

FIELDS: Final = [
    ("seen", "u4"),
    ("last", "f8"),
    ("level1", "f8"),
    ("level2", "f8"),
    ("quick", "f8"),
    ("slow", "f8"),
    ("seasonal_level", "f8"),
    ("seasonal_seen", "u4"),
    *(
        field
        for name, slots in (("day", _DAY // _DAY_SLOT), ("week", _WEEK // _WEEK_SLOT))
        for field in (
            (f"{name}_mean", "f4", (slots,)),
            (f"{name}_visits", "u1", (slots,)),
            (f"{name}_slot", "i2"),
            (f"{name}_sum", "f8"),
            (f"{name}_points", "u4"),
            (f"{name}_deviation", "f8"),
            (f"{name}_judged", "u4"),
        )
    ),
]
NAMES: Final = ("difference", "week", "day", "trend", "level1", "level2", "seasonal level")
"""The columns of the residuals. A trend is how far a quick level is above a slow one: slow rises have no large step."""


def empty(row: State) -> None:
    """Prepare new rows: all fields are zero."""
    row["day_slot"] = row["week_slot"] = -1


def residuals(state: State, rows: Rows, seconds: NDArray[np.int64], values: Values) -> tuple[Values, Values]:
    """Give the residuals (points x `NAMES`, NaN where nothing is expected yet) and what is expected; learn the points.

    `rows` holds each row once. `values` are relative to the first one of the series: profiles are kept in 32 bits.
    """
    seen = state["seen"][rows]
    new = seen == 0
    difference = np.where(new, np.nan, values - state["last"][rows])
    state["last"][rows] = values
    shortest = _level(state, "level1", rows, values, seen, 1.0)
    short = _level(state, "level2", rows, values, seen, 2.0)
    trend = _trend(state, rows, values, seen)
    state["seen"][rows] = seen + 1
    day = _profile(state, "day", rows, seconds % _DAY // _DAY_SLOT, values, 0.3)
    week = _profile(state, "week", rows, seconds % _WEEK // _WEEK_SLOT, values, 0.5)
    seasonal = _seasonal_level(state, rows, day)
    levels = [np.where(new, np.nan, one) for one in (trend, shortest, short)]
    found = np.stack([difference, week, day, *levels, seasonal], 1)
    expected = np.where(np.isnan(seasonal), values - short, values - seasonal)
    return found, expected


def _level(state: State, name: str, rows: Rows, values: Values, seen: NDArray[np.integer], half_life: float) -> Values:
    """Follow an exponentially weighted level, a plain mean at first; half-life in points."""
    residual: Values = values - state[name][rows]
    state[name][rows] += np.maximum(1 - 0.5 ** (1 / half_life), 1 / (seen + 1.0)) * residual
    return residual


def _trend(state: State, rows: Rows, values: Values, seen: NDArray[np.integer]) -> Values:
    """Compare a level with a half-life of 3 points, this one included, with one of 30, this one not included."""
    _level(state, "quick", rows, values, seen, 3.0)
    trend: Values = state["quick"][rows] - state["slow"][rows]
    _level(state, "slow", rows, values, seen, 30.0)
    return trend


def _profile(state: State, name: str, rows: Rows, slot: NDArray[np.int64], values: Values, weight: float) -> Values:
    """Compare with the same slot of earlier periods: a mean of each visit, exponentially weighted over the visits."""
    mean, visits = state[f"{name}_mean"], state[f"{name}_visits"]
    current = state[f"{name}_slot"][rows]
    left = current != slot
    ended = left & (current >= 0)
    if ended.any():
        _learn_visit(state, name, rows[ended], current[ended], weight)
    entered = rows[left]
    state[f"{name}_slot"][entered] = slot[left]
    state[f"{name}_sum"][entered] = 0.0
    state[f"{name}_points"][entered] = 0
    residual = np.where(visits[rows, slot] > 0, values - mean[rows, slot], np.nan)
    known = ~np.isnan(residual)
    judged = rows[known]
    size, count = np.abs(residual[known]), state[f"{name}_judged"][judged] + 1
    deviation = state[f"{name}_deviation"][judged]
    size = np.where(count > _SETTLED, np.minimum(size, 5 * deviation), size)
    state[f"{name}_deviation"][judged] = deviation + np.maximum(1 / (count + 1.0), 0.001) * (size - deviation)
    state[f"{name}_judged"][judged] = count
    state[f"{name}_sum"][rows] += values
    state[f"{name}_points"][rows] += 1
    return residual


def _learn_visit(state: State, name: str, rows: Rows, slot: NDArray[np.integer], weight: float) -> None:
    visits = state[f"{name}_visits"][rows, slot].astype(np.float64)
    moved = state[f"{name}_sum"][rows] / state[f"{name}_points"][rows] - state[f"{name}_mean"][rows, slot]
    limit = _CLIP * state[f"{name}_deviation"][rows]
    careful = (visits >= 2) & (state[f"{name}_judged"][rows] > _SETTLED)  # noqa: PLR2004 - once is no habit
    moved = np.where(careful, np.clip(moved, -limit, limit), moved)
    share = np.where(visits == 0, 1.0, np.maximum(1 / (visits + 1.0), weight))
    state[f"{name}_mean"][rows, slot] += (share * moved).astype(np.float32)
    state[f"{name}_visits"][rows, slot] = np.minimum(visits + 1, 255)


def _seasonal_level(state: State, rows: Rows, day: Values) -> Values:
    """Follow the level of what the time of day leaves unexplained: today may be a busier day than others."""
    known = ~np.isnan(day)
    judged, count = rows[known], state["seasonal_seen"][rows[known]]
    found = np.full(len(rows), np.nan)
    moved = day[known] - state["seasonal_level"][judged]
    found[known] = np.where(count > 0, moved, np.nan)
    state["seasonal_level"][judged] += np.maximum(1 - 0.5 ** (1 / 60), 1 / (count + 1.0)) * moved
    state["seasonal_seen"][judged] = count + 1
    return found

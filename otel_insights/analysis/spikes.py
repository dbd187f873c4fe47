"""Spikes: an hour with far more occurrences than a cluster's own past makes likely."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final

HOUR_NS: Final = 3_600 * 10**9
KEPT_HOURS: Final = 8 * 24
"""How far back counts are needed: a week before the hour in question, and a day for that."""

_WEEK = 168
_LEAST_HISTORY = 24  # hours; before, nobody knows what is usual
_FLOOR = 1.0  # an hour is never expected to have less: three after none are no spike
LEAST_COUNT: Final = 10
"""Fewer within an hour are no spike."""
_LEAST_RATIO = 3.0
_UNLIKELY = math.log(1e-6)  # with 10,000 clusters that fail all day, one false alarm in four days
_NOT_UNUSUAL = math.log(1e-2)


@dataclass(frozen=True, slots=True)
class Spike:
    """An hour (since the epoch) with `count` occurrences where about `expected` are usual."""

    hour: int
    count: float
    expected: float


def spike(hours: Mapping[int, float], first_hour: int, hour: int) -> Spike | None:
    """Tell whether an hour is a spike against the week before it.

    Usual is the median of the past hours, or, if greater, that of the same hour on the past days: nights do not make
    mornings spikes. An hour that is not over may be asked about: its count only grows, so looking often costs nothing.
    Nothing is a spike within a day of the first occurrence.

    >>> steady = {hour: 4.0 for hour in range(100)}
    >>> spike(steady | {100: 40.0}, 0, 100)
    Spike(hour=100, count=40.0, expected=4.0)
    >>> spike(steady | {100: 9.0}, 0, 100), spike({100: 500.0}, 100, 100)
    (None, None)
    """
    count = hours.get(hour, 0.0)
    past = _past(hours, first_hour, hour)
    if count < LEAST_COUNT or len(past) < _LEAST_HISTORY:
        return None
    expected = _expected(past)
    if count < _LEAST_RATIO * expected or log_tail(count, expected, _dispersion(past)) > _UNLIKELY:
        return None
    return Spike(hour, count, expected)


def is_calm(hours: Mapping[int, float], first_hour: int, since_hour: int, this_hour: int) -> bool:
    """Tell whether a spike is over: two whole hours after its beginning were usual, by what was usual before it."""
    past = _past(hours, first_hour, since_hour)
    if this_hour - 2 <= since_hour or not past:
        return False
    expected, dispersion = _expected(past), _dispersion(past)
    return all(
        log_tail(hours.get(hour, 0.0), expected, dispersion) > _NOT_UNUSUAL for hour in (this_hour - 1, this_hour - 2)
    )


def log_tail(count: float, mean: float, dispersion: float) -> float:
    """Bound the logarithm of the chance of so many or more, where variance is `dispersion` times the mean (>= 1).

    Chernoff's bound for the negative binomial distribution, and for Poisson's where the dispersion is 1. Never less
    than the true chance, so that alarms come at most as often as they are meant to.

    >>> round(log_tail(10, 10, 1), 3), round(log_tail(40, 10, 1), 1), round(log_tail(40, 10, 5), 1)
    (0.0, -25.5, -3.4)
    """
    if count <= mean:
        return 0.0
    if dispersion <= 1.0 + 1e-9:
        return -(count * math.log(count / mean) - count + mean)
    size = mean / (dispersion - 1.0)
    return -(count * math.log(count / mean) - (count + size) * math.log((count + size) / (mean + size)))


def _past(hours: Mapping[int, float], first_hour: int, hour: int) -> Sequence[float]:
    return [hours.get(one, 0.0) for one in range(max(first_hour, hour - _WEEK), hour)]


def _expected(past: Sequence[float]) -> float:
    same_hour = past[-24::-24]
    daily = median(same_hour) if len(same_hour) >= 3 else 0.0  # noqa: PLR2004 - a median of fewer is any of them
    return max(_FLOOR, median(past), daily)


def _dispersion(past: Sequence[float]) -> float:
    """Variance by mean, without the highest twentieth: an earlier spike does not excuse the next one."""
    usual = sorted(past)[: max(1, math.ceil(0.95 * len(past)))]
    mean = fmean(usual)
    if mean == 0:
        return 1.0
    return max(1.0, fmean((one - mean) ** 2 for one in usual) / mean)

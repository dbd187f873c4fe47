"""What rose together: log lines that came far more often in the hours in which something failed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final

from otel_insights.analysis.spikes import log_tail

_LEAST_HOURS: Final = 6
_LEAST_COUNT: Final = 3
_LEAST_RATIO: Final = 3.0
_LEAST_SHARE: Final = 0.5
_UNLIKELY: Final = math.log(1e-3)
"""Before it is divided by how many were asked about."""


@dataclass(frozen=True, slots=True)
class Rose:
    """Something of which there was more in the hours in question: `count` in these, where `expected` were usual."""

    id: str
    count: float
    expected: float
    log_p: float


def risen_hours(hours: Mapping[int, float], window: range) -> frozenset[int]:
    """Tell the hours of a window in which there was far more than usual; none where that is no minority of them.

    >>> sorted(risen_hours({3: 5.0, 4: 9.0}, range(10)))
    [3, 4]
    >>> sorted(risen_hours(dict.fromkeys(range(10), 2.0), range(10)))
    []
    """
    if len(window) < _LEAST_HOURS:
        return frozenset()
    usual = median(hours.get(hour, 0.0) for hour in window)
    risen = frozenset(hour for hour in window if hours.get(hour, 0.0) >= max(1.0, 2 * usual + 1))
    return risen if 2 * len(risen) <= len(window) else frozenset()


def rose_together(
    risen: frozenset[int],
    window: range,
    others: Iterable[tuple[str, Mapping[int, float]]],
    *,
    asked: int | None = None,
    most: int = 5,
) -> list[Rose]:
    """Find what rose in the same hours: the least probable first, at most so many.

    Three times what the other hours of the window make usual, in half of the hours at least, and less probable than one
    in 1,000 for all that was asked about together (negative binomial, Bonferroni; `asked`, where there is more than
    `others`). That is no proof of a cause.

    >>> lines = [("a", {1: 2.0, 3: 40.0}), ("b", dict.fromkeys(range(20), 4.0))]
    >>> [one.id for one in rose_together(frozenset({3}), range(20), lines)]
    ['a']
    """
    candidates = list(others)
    if not risen:
        return []
    found = [
        one
        for id_, hours in candidates
        if (one := _rose(id_, hours, risen, window, asked or len(candidates))) is not None
    ]
    return sorted(found, key=lambda one: (one.log_p, one.id))[:most]


def _rose(id_: str, hours: Mapping[int, float], risen: frozenset[int], window: range, asked: int) -> Rose | None:
    within = [hours.get(hour, 0.0) for hour in risen]
    count = sum(within)
    if count < _LEAST_COUNT or sum(one > 0 for one in within) < _LEAST_SHARE * len(within):
        return None
    outside = [hours.get(hour, 0.0) for hour in window if hour not in risen]
    mean = max(fmean(outside), 0.5 / len(outside))
    expected = mean * len(within)
    variance = fmean((one - mean) ** 2 for one in outside)
    log_p = log_tail(count, expected, max(1.0, variance / mean))
    if count < _LEAST_RATIO * expected or log_p > _UNLIKELY - math.log(asked):
        return None
    return Rose(id_, count, expected, log_p)

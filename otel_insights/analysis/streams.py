"""Streams of metric points, and what came of them at once: in columns, since that is how they are looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis.histograms import Distribution

DELTA: Final = 1
CUMULATIVE: Final = 2
SeriesKey = tuple[bytes, bytes, bytes, tuple[bytes, ...], str, str]
"""Resource, scope, metric, attributes; what of a histogram it is: `count` (a second), `p50`, `p95`, `p99`; else "".

Last its type and unit: a metric that changes these is another one by the data model, and what was learnt does not hold.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """What the points of a series have in common. Compared by identity, which costs nothing; two may have one `key`."""

    key: SeriesKey
    temporality: int = 0
    """Of what adds up; 0 for what is as it is."""
    is_count: bool = False
    """Whether it counts the values of a histogram or summary."""

    @property
    def is_number(self) -> bool:
        """Whether its points are the sender's own, and no parts of a histogram or summary."""
        return not self.is_count and not self.key[4]


class Observation(NamedTuple):
    """A point as it came, with a value."""

    stream: Stream
    start_ns: int
    time_ns: int
    value: float
    distribution: Distribution | None = None
    """A histogram's; those without bounds have none."""


@dataclass(frozen=True, slots=True)
class Observations:
    """Points in the order in which they came."""

    streams: Sequence[Stream]
    starts: NDArray[np.int64]
    times: NDArray[np.int64]
    """Unix time in nanoseconds; 0 where the sender tells none."""
    values: NDArray[np.float64]
    distributions: dict[int, Distribution]
    """By the place of their point."""

    @classmethod
    def of(cls, observed: Iterable[Observation]) -> Observations:
        """Put points into columns."""
        all_ = list(observed)
        return cls(
            [one.stream for one in all_],
            np.array([one.start_ns for one in all_], np.int64),
            np.array([one.time_ns for one in all_], np.int64),
            np.array([one.value for one in all_], np.float64),
            {at: one.distribution for at, one in enumerate(all_) if one.distribution is not None},
        )

    def __len__(self) -> int:
        """Count the points."""
        return len(self.streams)


def turns(which: NDArray[np.integer]) -> list[NDArray[np.intp]]:
    """Take places apart so that no part holds the same one twice; those of one keep their order.

    >>> [part.tolist() for part in turns(np.array([7, 8, 7]))]
    [[0, 1], [2]]
    """
    if not len(which):
        return []
    order = np.argsort(which, kind="stable")
    sorted_ = which[order]
    first = np.r_[True, sorted_[1:] != sorted_[:-1]]
    if first.all():
        return [np.arange(len(which))]
    at = np.arange(len(which))
    turn = np.empty(len(which), np.intp)
    turn[order] = at - np.maximum.accumulate(np.where(first, at, 0))
    return [np.flatnonzero(turn == number) for number in range(int(turn.max()) + 1)]

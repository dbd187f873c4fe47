"""The series of an anomaly over time, with what was expected of it: replayed over points that the window holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from otel_insights.analysis.streams import CUMULATIVE, DELTA, Observation, Observations, Stream
from otel_insights.scoring import Limits, Scored, Scoring

LEAD_NS: Final = 24 * 3600 * 10**9
"""How long before an anomaly points are replayed, so that something can be expected at its beginning."""
MOST_BYTES: Final = 8 * 2**20
"""Of compressed requests: what a look costs is bounded, however many series came with this one."""
_TEMPORALITY: Final = {"gauge": 0, "cumulative": CUMULATIVE, "delta": DELTA}


@dataclass(frozen=True, slots=True)
class Moment:
    """A point of the series; `expected` and the band are None where nothing was expected yet."""

    time_ns: int
    value: float
    expected: float | None
    lower: float | None
    upper: float | None


def replay(kind: str, points: Sequence[tuple[int, float]]) -> list[Moment]:
    """Score a series anew over its points (time, value), of a kind as the window tells it.

    The detector begins without knowledge, so that the band is wider at first than it was when the points came.
    """
    stream = Stream((b"", b"", b"", (), "", ""), _TEMPORALITY.get(kind, 0))
    observed = Observations.of(Observation(stream, 0, time_ns, value) for time_ns, value in points)
    return [_moment(one) for one in Scoring(1, lambda _: Limits()).score(observed, everything=True)[1]]


def _moment(one: Scored) -> Moment:
    numbers = (one.expected, one.lower, one.upper)
    known = all(abs(number) < float("inf") for number in numbers)  # false of NaN as well
    return Moment(one.time_ns, one.value, *(numbers if known else (None, None, None)))

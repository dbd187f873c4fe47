"""The series of an anomaly over time, with what was expected of it: replayed over points that the window holds."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from otel_insights import environment, metric_points
from otel_insights.errors import BadData
from otel_insights.metric_points import Point
from otel_insights.scoring import Limits, Scored, Scoring, series_id
from otel_insights.store.anomalies import Anomaly

LEAD_NS: Final = 24 * 3600 * 10**9
"""How long before an anomaly points are replayed, so that something can be expected at its beginning."""
MOST_BYTES: Final = 8 * 2**20
"""Of compressed requests: what a look costs is bounded, however many series came with this one."""
_LARGEST: Final = 64 * 2**20
_MOST_SERIES: Final = 1000


@dataclass(frozen=True, slots=True)
class Moment:
    """A point of the series; `expected` and the band are None where nothing was expected yet."""

    time_ns: int
    value: float
    expected: float | None
    lower: float | None
    upper: float | None


def replay(anomaly: Anomaly, requests: Sequence[bytes]) -> list[Moment]:
    """Score the series anew over packed requests, in the order of their arrival.

    The detector begins without knowledge, so that the band is wider at first than it was when the points came.
    """
    metric = anomaly.metric.encode()

    def wants(resource: bytes, _scope: bytes, name: bytes) -> bool:
        sender = environment.read(resource)
        return name == metric and sender is not None and sender.key.instance == anomaly.instance

    scoring = Scoring(_MOST_SERIES, lambda _: Limits())
    found: dict[int, Moment] = {}
    for packed in requests:
        points = [one for one in _read(packed, wants) if one.time_ns > 0]
        for scored in scoring.score(points, everything=True)[1]:
            if series_id(scored.key) == anomaly.series:
                found[scored.time_ns] = _moment(scored)
    return [found[time_ns] for time_ns in sorted(found)]


def _read(packed: bytes, wants: Callable[[bytes, bytes, bytes], bool]) -> list[Point]:
    try:
        return list(metric_points.points(zlib.decompressobj().decompress(packed, _LARGEST), wants))
    except (BadData, zlib.error):  # what cannot be read is not shown
        return []


def _moment(one: Scored) -> Moment:
    numbers = (one.expected, one.lower, one.upper)
    known = all(abs(number) < float("inf") for number in numbers)  # false of NaN as well
    return Moment(one.time_ns, one.value, *(numbers if known else (None, None, None)))

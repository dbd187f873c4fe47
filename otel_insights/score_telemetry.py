"""Scores as OTLP: gauges beside the points that they are of, with the same resource, attributes and time."""

from __future__ import annotations

import math
import struct
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from otel_insights import findings, semconv
from otel_insights.payload import attribute
from otel_insights.scoring import Scored
from otel_insights.wire import delimited

_POINT: Final = struct.Struct("<BQBd")
_TIME, _AS_DOUBLE = 0x19, 0x21
"""Tags of `NumberDataPoint.time_unix_nano` (3) and `.as_double` (4)."""
_ATTRIBUTES = 7
_GAUGE = 5
_NAMES: Final = (
    semconv.ANOMALY_SCORE,
    semconv.ANOMALY_EXPECTED,
    semconv.ANOMALY_LOWER,
    semconv.ANOMALY_UPPER,
)


def gauges(scored: Iterable[Scored], *, with_band: bool) -> bytes:
    """Serialise an export request with the scores of points, and with what was expected where that is known."""
    resources: defaultdict[bytes, tuple[list[bytes], ...]] = defaultdict(lambda: ([], [], [], []))
    for one in scored:
        points = resources[one.key[0]]
        attributes = _attributes(one.key[2], one.key[3], one.key[4])
        values = (one.score, one.expected, one.lower, one.upper) if with_band else (one.score,)
        for into, value in zip(points, values, strict=False):
            if math.isfinite(value):
                point = attributes + _POINT.pack(_TIME, one.time_ns, _AS_DOUBLE, value)
                into.append(delimited(1, point))
    return b"".join(
        delimited(1, delimited(1, resource) + delimited(2, _SCOPE + _metrics(points)))
        for resource, points in resources.items()
    )


_SCOPE: Final = delimited(1, findings.our_scope().SerializeToString())


def _metrics(points: Iterable[list[bytes]]) -> bytes:
    return b"".join(
        delimited(2, delimited(1, name.encode()) + delimited(_GAUGE, b"".join(of_name)))
        for name, of_name in zip(_NAMES, points, strict=True)
        if of_name
    )


@lru_cache(maxsize=16_384)
def _attributes(metric: bytes, attributes: tuple[bytes, ...], part: str) -> bytes:
    added = [attribute(semconv.ANOMALY_METRIC, metric.decode(errors="replace"))]
    if part:
        added.append(attribute(semconv.ANOMALY_PART, part))
    all_ = [*attributes, *(one.SerializeToString() for one in added)]
    return b"".join(delimited(_ATTRIBUTES, one) for one in all_)

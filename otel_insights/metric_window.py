"""The latest metric points as people ask for them: one by one, or aggregated. Exact on what the window holds.

Numbers of gauges and sums are given as they came; of histograms and summaries nothing is told here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from sqlite_utils import Database

from otel_insights import environment, metric_points
from otel_insights.errors import BadData
from otel_insights.metric_points import Point
from otel_insights.report import rfc3339
from otel_insights.store import windows

AGGREGATIONS: Final = ("MEAN", "SUM", "MIN", "MAX", "COUNT", "P50", "P95", "P99")
_LARGEST = 64 * 2**20
"""Bytes that one request may unpack to: more was never taken in."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which points are asked for; what is empty does not matter."""

    service: str = ""
    metrics: Sequence[str] = ()
    since_ns: int = 0
    until_ns: int = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One number for many points, over the times of the first and the last of them."""

    value: float
    count: int
    first_ns: int
    last_ns: int


def pack(request: bytes) -> bytes:
    """Compress a request for the window."""
    return zlib.compress(request, 1)


def latest(db: Database, asked: Asked, limit: int) -> list[dict[str, Any]]:
    """Read the latest points that are asked for: the last request first, and in it the last point by its time."""
    found: list[dict[str, Any]] = []
    for points in _requests(db, asked):
        points.sort(key=lambda one: -one.time_ns)
        for one in points:
            if len(found) == limit:
                return found
            found.append(_row(one))
    return found


def aggregate(db: Database, asked: Asked, aggregation: str) -> dict[str, Aggregate]:
    """Aggregate all points that are asked for, by metric. `aggregation` is one of `AGGREGATIONS`."""
    values: dict[str, list[float]] = {}
    times: dict[str, list[int]] = {}
    for points in _requests(db, asked):
        for one in points:
            name = one.metric.decode(errors="replace")
            values.setdefault(name, []).append(float(one.value or 0.0))
            times.setdefault(name, []).append(one.time_ns)
    return {
        name: Aggregate(_reduce(np.array(of), aggregation), len(of), min(times[name]), max(times[name]))
        for name, of in sorted(values.items())
    }


def names(db: Database, asked: Asked) -> dict[str, int]:
    """Tell which metrics there are, and of how many points each."""
    return {name: one.count for name, one in aggregate(db, asked, "COUNT").items()}


def _reduce(values: np.ndarray, aggregation: str) -> float:
    if aggregation.startswith("P"):
        return float(np.percentile(values, float(aggregation[1:])))
    if aggregation == "COUNT":
        return float(len(values))
    return float(getattr(values, aggregation.lower())())


def _requests(db: Database, asked: Asked) -> Iterator[list[Point]]:
    """Give the points of each request that are asked for, the last request first, and each point once."""
    ours = db.execute("SELECT value FROM setting WHERE name = 'instance_id'").fetchone()[0]
    wanted = {name.encode() for name in asked.metrics}
    seen: set[int] = set()

    def wants(resource: bytes, _scope: bytes, metric: bytes) -> bool:
        sender = environment.read(resource)
        if sender is None or sender.key.instance == ours or asked.service not in ("", sender.key.service):
            return False
        return not wanted or metric in wanted

    for block in windows.METRICS.blocks(db, None, asked.since_ns):
        points: list[Point] = []
        for one in _read(block.data, wants):
            if one.value is None or one.kind == "count" or not asked.since_ns <= one.time_ns <= asked.until_ns:
                continue
            key = hash((one.resource, one.scope, one.metric, one.attributes, one.time_ns))
            if key not in seen:
                seen.add(key)
                points.append(one)
        yield points


def _read(packed: bytes, wants: Any) -> Iterator[Point]:  # noqa: ANN401 - as metric_points has it
    unpacker = zlib.decompressobj()
    try:
        yield from metric_points.points(unpacker.decompress(packed, _LARGEST), wants)
    except (BadData, zlib.error):  # what cannot be read is not shown
        return


def _row(one: Point) -> dict[str, Any]:
    sender = environment.read(one.resource)
    try:
        labels = environment.text_of(KeyValue.FromString(each) for each in one.attributes)
    except DecodeError:
        labels = {}
    return {
        "service": sender.key.service if sender else "",
        "metric": one.metric.decode(errors="replace"),
        "value": one.value,
        "ts": rfc3339(min(one.time_ns, _LAST_NS)),
        "labels": labels,
    }


_LAST_NS = 253_402_300_799 * 10**9
"""The end of the year 9999: no calendar goes further."""

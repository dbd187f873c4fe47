"""The latest metric points: numbers of gauges and sums as they came, to be listed or aggregated, exact on what is kept.

A request is kept as three columns (series, time, value), compressed; its series are kept once, without secrets.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from google.protobuf.message import DecodeError
from isal import isal_zlib
from numpy.typing import NDArray
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from otel_insights import environment
from otel_insights.analysis.streams import CUMULATIVE, DELTA, Observations, SeriesKey, Stream
from otel_insights.redaction import COUNT, Redactor
from otel_insights.report import rfc3339
from otel_insights.scoring import series_id
from otel_insights.store import metric_series, windows
from otel_insights.store.engine import Database
from otel_insights.store.metric_series import KnownSeries

AGGREGATIONS: Final = ("MEAN", "SUM", "MIN", "MAX", "COUNT", "P50", "P95", "P99")
_LARGEST = 64 * 2**20
"""Bytes that one request may unpack to: more was never taken in."""
_POINT: Final = np.dtype([("series", "<i8"), ("time", "<i8"), ("value", "<f8")])
_DAY_NS = 86_400 * 10**9
_MOST_SERIES = 200_000
_LAST_NS = 253_402_300_799 * 10**9
"""The end of the year 9999: no calendar goes further."""


@dataclass(slots=True, repr=False)
class Collecting:
    """Notes the points that pass, request by request. Its series are told again once a day, so that they are kept."""

    redactor: Redactor
    _numbers: dict[Stream, int] = field(default_factory=dict)
    """Of what was told today; 0 for what is not kept."""
    _day: int = 0
    _points: list[NDArray[np.void]] = field(default_factory=list)
    _told: list[KnownSeries] = field(default_factory=list)

    def watch(self, observed: Observations, now_ns: int) -> None:
        """Note the points of gauges and sums."""
        day = now_ns // _DAY_NS
        if day != self._day or len(self._numbers) >= _MOST_SERIES:
            self._numbers.clear()
            self._day = day
        found = list(map(self._numbers.get, observed.streams))
        if None in found:
            found = [self._tell(one) for one in observed.streams]
        numbers = np.array(found, np.int64)
        kept = (numbers > 0) & (observed.times > 0) & (observed.times < _LAST_NS) & ~np.isnan(observed.values)
        points = np.empty(int(kept.sum()), _POINT)
        for name, column in (("series", numbers), ("time", observed.times), ("value", observed.values)):
            points[name] = column[kept]
        self._points.append(points)

    def _tell(self, stream: Stream) -> int:
        number = self._numbers.get(stream)
        if number is None and not stream.is_number:
            number = self._numbers[stream] = 0
        if number is not None:
            return number
        key = stream.key
        number = self._numbers[stream] = _number(key)
        sender = environment.read(key[0])
        name, labels = key[2].decode(errors="replace"), self.redactor.attributes(_labels(key[3]))
        text = json.dumps({label: value for label, value in labels.items() if label != COUNT}, ensure_ascii=False)
        service = sender.key.service if sender else ""
        self._told.append(KnownSeries(number, service, name, text, _KINDS[stream.temporality], series_id(key)))
        return number

    def take(self) -> tuple[bytes, list[KnownSeries]]:
        """Give what was noted since the last time, to be kept; b"" if nothing."""
        points = b"".join(one.tobytes() for one in self._points)
        told = self._told
        self._points, self._told = [], []
        return (isal_zlib.compress(points, 1) if points else b""), told


_KINDS: Final = {0: "gauge", DELTA: "delta", CUMULATIVE: "cumulative"}


def _number(key: SeriesKey) -> int:
    digest = hashlib.blake2b(digest_size=8)
    for part in (*key[:3], *key[3], key[5].encode()):
        digest.update(len(part).to_bytes(4, "little") + part)
    return int.from_bytes(digest.digest(), "big") >> 1 or 1


def _labels(attributes: Iterable[bytes]) -> dict[str, str]:
    try:
        return environment.text_of(KeyValue.FromString(each) for each in attributes)
    except DecodeError:
        return {}


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


def latest(db: Database, asked: Asked, limit: int) -> list[dict[str, Any]]:
    """Read the latest points that are asked for: the last request first, and in it the last point by its time."""
    series = metric_series.find(db, asked.service, asked.metrics)
    found: list[dict[str, Any]] = []
    seen: set[tuple[int, int]] = set()
    for points in _requests(db, asked, series):
        for number, time_ns, value in points[np.argsort(-points["time"], kind="stable")].tolist():
            if (number, time_ns) in seen:
                continue
            if len(found) == limit:
                return found
            seen.add((number, time_ns))
            one = series[number]
            labels = json.loads(one.labels)
            row = {
                "service": one.service,
                "metric": one.metric,
                "value": value,
                "ts": rfc3339(time_ns),
                "labels": labels,
            }
            found.append(row)
    return found


def aggregate(db: Database, asked: Asked, aggregation: str) -> dict[str, Aggregate]:
    """Aggregate all points that are asked for, each once, by metric. `aggregation` is one of `AGGREGATIONS`."""
    series = metric_series.find(db, asked.service, asked.metrics)
    parts = list(_requests(db, asked, series))
    points = np.concatenate(parts) if parts else np.zeros(0, _POINT)
    _, first = np.unique(points[["series", "time"]], return_index=True)
    points = points[first]
    names = sorted({one.metric for one in series.values()})
    place = {name: at for at, name in enumerate(names)}
    numbers = np.array(sorted(series), np.int64)
    of_series = np.array([place[series[number].metric] for number in numbers.tolist()], np.int64)
    metric = of_series[np.searchsorted(numbers, points["series"])] if len(points) else np.zeros(0, np.int64)
    found = {}
    for name, at in place.items():
        some = points[metric == at]
        if len(some):
            times = some["time"]
            value = _reduce(some["value"], aggregation)
            found[name] = Aggregate(value, len(some), int(times.min()), int(times.max()))
    return found


def of_series(
    db: Database, series: str, first_ns: int, last_ns: int, most: int = _LARGEST
) -> tuple[str, list[tuple[int, float]]]:
    """Read the points of a series, as detectors name it, that arrived between two times: what they are, time and value.

    Of more than `most` bytes of requests the last ones are read.
    """
    known = metric_series.of_detectors(db, series)
    found: dict[int, float] = {}
    for packed in windows.METRICS.between(db, first_ns, last_ns, most) if known else ():
        points = _unpacked(packed)
        found.update(points[np.isin(points["series"], list(known))][["time", "value"]].tolist())
    return next((one.kind for one in known.values()), ""), sorted(found.items())


def names(db: Database, asked: Asked) -> dict[str, int]:
    """Tell which metrics there are, and of how many points each."""
    return {name: one.count for name, one in aggregate(db, asked, "COUNT").items()}


def _reduce(values: NDArray[np.float64], aggregation: str) -> float:
    if aggregation.startswith("P"):
        return float(np.percentile(values, float(aggregation[1:])))
    if aggregation == "COUNT":
        return float(len(values))
    return float(getattr(values, aggregation.lower())())


def _requests(db: Database, asked: Asked, series: dict[int, KnownSeries]) -> Iterator[NDArray[Any]]:
    """Give the points of each request that are asked for, the last request first."""
    wanted = np.array(list(series), np.int64)
    for block in windows.METRICS.blocks(db, None, asked.since_ns):
        points = _unpacked(block.data)
        in_time = (points["time"] >= asked.since_ns) & (points["time"] <= asked.until_ns)
        yield points[in_time & np.isin(points["series"], wanted)]


def _unpacked(packed: bytes) -> NDArray[Any]:
    try:
        data = zlib.decompressobj().decompress(packed, _LARGEST)
    except zlib.error:  # what cannot be read is not shown
        data = b""
    return np.frombuffer(data[: len(data) // _POINT.itemsize * _POINT.itemsize], _POINT)

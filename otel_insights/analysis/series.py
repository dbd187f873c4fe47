"""Series: which points belong together, and the value of each that can be compared with the one before.

A cumulative sum becomes a rate, a histogram the percentiles of what came in the interval; a gauge is what it is. Rules
of the metrics data model: resets and gaps, https://opentelemetry.io/docs/specs/otel/metrics/data-model/#resets-and-gaps
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from otel_insights.analysis.histograms import PERCENTILES, Distribution
from otel_insights.analysis.points import Points

SeriesKey = tuple[bytes, bytes, bytes, tuple[bytes, ...], str, str]
"""Resource, scope, metric, attributes; what of a histogram it is: `count` (a second), `p50`, `p95`, `p99`; else "".

Last its type and unit: a metric that changes these is another one by the data model, and what was learnt does not hold.
"""
_CUMULATIVE, _DELTA = 2, 1


class Observed(Protocol):
    """A point as it came; see `metric_points.Point`."""

    @property
    def resource(self) -> bytes: ...
    @property
    def scope(self) -> bytes: ...
    @property
    def metric(self) -> bytes: ...
    @property
    def attributes(self) -> tuple[bytes, ...]: ...
    @property
    def kind(self) -> str: ...
    @property
    def temporality(self) -> int: ...
    @property
    def monotonic(self) -> bool: ...
    @property
    def start_ns(self) -> int: ...
    @property
    def time_ns(self) -> int: ...
    @property
    def value(self) -> float | None: ...
    @property
    def part(self) -> str: ...
    @property
    def shape(self) -> str: ...
    @property
    def distribution(self) -> Distribution | None: ...


@dataclass(slots=True)
class _Last:
    """The last point of a series that is not a gauge."""

    time_ns: int
    start_ns: int
    value: float
    temporality: int
    distribution: Distribution | None = None


@dataclass(slots=True, repr=False)  # there may be very many
class Series:
    """Gives each series a row. The one not heard of for longest makes room for a new one beyond `most`."""

    most: int
    begin: Callable[[np.ndarray], object]
    """Told which rows are somebody else's now."""
    identify: Callable[[SeriesKey], str]
    """Gives the name of a series: the same under another version of its service, and after a restart.

    It is saved, and is a hash, since what identifies a series may hold a secret.
    """
    adopt: Callable[[int, SeriesKey], object]
    """Told when a row goes on under a key that it did not have before."""
    keys: list[SeriesKey | None] = field(default_factory=list)
    heard_ns: list[int] = field(default_factory=list)
    late: int = 0
    """Points that came after a later one of their series, or twice."""
    evicted: int = 0
    _rows: dict[SeriesKey, int] = field(default_factory=dict)
    _free: list[int] = field(default_factory=list)
    _named: dict[str, int] = field(default_factory=dict)
    """All rows that are in use, by name; those that were saved and not heard of since have no key."""
    _names: list[str] = field(default_factory=list)
    _last: dict[SeriesKey, _Last] = field(default_factory=dict)
    """Of sums and histograms, the one not heard of for longest first."""

    def __len__(self) -> int:
        """How many series there are."""
        return len(self._named)

    def row(self, key: SeriesKey) -> int | None:
        """Find a series."""
        return self._rows.get(key)

    def read(self, observed: Iterable[Observed]) -> Points:
        """Turn points into values that can be compared; the first of a sum has none, no value is missing."""
        rows: list[int] = []
        times: list[int] = []
        values: list[float] = []
        for one in observed:
            if one.value is None or not math.isfinite(one.value) or not one.time_ns:
                continue
            if one.kind == "gauge" or (one.kind == "sum" and not one.monotonic and one.temporality == _CUMULATIVE):
                row = self._heard(
                    (one.resource, one.scope, one.metric, one.attributes, one.part, one.shape), one.time_ns
                )
                if row is not None:
                    rows.append(row)
                    times.append(one.time_ns)
                    values.append(one.value)
                continue
            for part, value in self._since_last(one):
                row = self._heard((one.resource, one.scope, one.metric, one.attributes, part, one.shape), one.time_ns)
                if row is not None:
                    rows.append(row)
                    times.append(one.time_ns)
                    values.append(value)
        return Points.sorted(np.array(rows, np.int32), np.array(times, np.int64), np.array(values, np.float64))

    def forget_before(self, time_ns: int) -> None:
        """Let go of series that were not heard of since."""
        for row in list(self._named.values()):
            if self.heard_ns[row] < time_ns:
                self._release(row)

    def named(self) -> dict[str, int]:
        """Give all rows that are in use, by the names under which they are saved."""
        return dict(self._named)

    def keep(self, name: str, heard_ns: int) -> int:
        """Keep a row for a series that was saved under a name, as if it had been heard of then."""
        return self._begin(None, name, heard_ns)

    def _since_last(self, one: Observed) -> list[tuple[str, float]]:
        """Tell what happened since the last point of a sum or histogram, a second; its percentiles."""
        key = (one.resource, one.scope, one.metric, one.attributes, one.part, one.shape)
        last = self._last.pop(key, None)
        if last is not None and one.time_ns <= last.time_ns:
            self._last[key] = last
            self.late += 1
            return []
        value = float(one.value or 0.0)
        self._last[key] = _Last(one.time_ns, one.start_ns, value, one.temporality, one.distribution)
        if last is not None and last.temporality != one.temporality:
            last = None  # a total and what was added to it do not compare
        if len(self._last) > self.most:
            del self._last[next(iter(self._last))]
        if one.temporality == _DELTA:
            since, added, came = one.start_ns or (last.time_ns if last else 0), value, one.distribution
        elif last is not None and last.start_ns == one.start_ns and value >= last.value:
            since, added = last.time_ns, value - last.value
            came = one.distribution.since(last.distribution) if added > 0 and one.distribution is not None else None
        elif last is None:
            return []  # nobody knows over how long it came
        else:  # it began anew; a start that is the point's own time is unknown, and contributes nothing
            since, added, came = max(one.start_ns, last.time_ns), value, one.distribution
        if not since or since >= one.time_ns:
            return []
        found = [(one.part, added / ((one.time_ns - since) / 1e9))]
        if added > 0 and came is not None:
            estimates = ((f"p{share * 100:.0f}", came.percentile(share)) for share in PERCENTILES)
            found += [each for each in estimates if math.isfinite(each[1])]
        return found

    def _heard(self, key: SeriesKey, time_ns: int) -> int | None:
        """Find or make the row of a series; None for a point that is no later than the last one."""
        row = self._rows.get(key)
        if row is None:
            name = self.identify(key)
            row = self._named.get(name)
            if row is None:
                return self._begin(key, name, time_ns)
            if time_ns > self.heard_ns[row]:
                self._take_over(row, key)
        if time_ns <= self.heard_ns[row]:
            self.late += 1
            return None
        self.heard_ns[row] = time_ns
        return row

    def _begin(self, key: SeriesKey | None, name: str, heard_ns: int) -> int:
        row = self._named[name] = self._new_row()
        self.keys[row], self._names[row], self.heard_ns[row] = key, name, heard_ns
        if key is not None:
            self._rows[key] = row
        self.begin(np.array([row]))
        return row

    def _take_over(self, row: int, key: SeriesKey) -> None:
        """Go on with what is known of a series: another version of its service sends it now, or we began anew."""
        before = self.keys[row]
        if before is not None:
            del self._rows[before]
        self._rows[key], self.keys[row] = row, key
        self.adopt(row, key)

    def _new_row(self) -> int:
        if not self._free and len(self.keys) >= self.most:
            many = max(1, self.most // 100)
            oldest = np.argpartition(np.array(self.heard_ns), many - 1)[:many]
            self.evicted += many
            for row in oldest.tolist():
                self._release(row)
        if self._free:
            return self._free.pop()
        self.keys.append(None)
        self._names.append("")
        self.heard_ns.append(0)
        return len(self.keys) - 1

    def _release(self, row: int) -> None:
        key = self.keys[row]
        if key is not None:
            del self._rows[key]
        del self._named[self._names[row]]
        self.keys[row] = None
        self._free.append(row)

"""Series: which points belong together, and the value of each that can be compared with the one before.

A cumulative sum becomes a rate, a histogram the percentiles of what came in the interval; a gauge is what it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis.histograms import PERCENTILES
from otel_insights.analysis.points import Points
from otel_insights.analysis.streams import Observations, SeriesKey, turns
from otel_insights.analysis.totals import Totals


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
    heard_ns: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_FIRST_ROWS, np.int64))
    late: int = 0
    """Points that came after a later one of their series, or twice."""
    evicted: int = 0
    _rows: dict[SeriesKey, int] = field(default_factory=dict)
    _free: list[int] = field(default_factory=list)
    _named: dict[str, int] = field(default_factory=dict)
    """All rows that are in use, by name; those that were saved and not heard of since have no key."""
    _names: list[str] = field(default_factory=list)
    _begun: list[int] = field(default_factory=list)
    """Rows that were given away since that was told."""
    _totals: Totals = field(init=False)

    def __post_init__(self) -> None:
        """Begin without series."""
        self._totals = Totals(self.most)

    def __len__(self) -> int:
        """How many series there are."""
        return len(self._named)

    def row(self, key: SeriesKey) -> int | None:
        """Find a series."""
        return self._rows.get(key)

    def read(self, observed: Observations) -> Points:
        """Turn points into values that can be compared; the first of a sum has none, no value is missing."""
        some = np.flatnonzero((observed.times > 0) & np.isfinite(observed.values))
        slots = self._totals.slots([observed.streams[at] for at in some.tolist()])
        found = [self._turn(observed, some[part], slots[part]) for part in turns(slots)]
        self._begin_all()
        columns = [np.concatenate(column) for column in zip(*found, strict=True)] if found else [np.zeros(0)] * 3
        return Points.sorted(*columns)

    def _turn(self, observed: Observations, at: NDArray[np.intp], slots: NDArray[np.intp]) -> _Columns:
        """Read points of which no two are of one stream."""
        times, values = observed.times[at], observed.values[at]
        is_total = self._totals.is_total(slots)
        parts: list[tuple[SeriesKey, int, float]] = []
        if is_total.any():
            values = values.copy()
            values[is_total], parts = self._since(observed, at[is_total], slots[is_total])
        self._totals.see(slots, times)
        whole = np.isfinite(values)
        if not whole.all():
            at, slots, times, values = at[whole], slots[whole], times[whole], values[whole]
        rows = self._rows_of(observed, at, slots, times)
        extra = [(row, time, value) for key, time, value in parts if (row := self._heard(key, time)) is not None]
        kept = rows >= 0
        return (
            np.concatenate([rows[kept], np.array([one[0] for one in extra], np.int64)]),
            np.concatenate([times[kept], np.array([one[1] for one in extra], np.int64)]),
            np.concatenate([values[kept], np.array([one[2] for one in extra], np.float64)]),
        )

    def _since(
        self, observed: Observations, at: NDArray[np.intp], slots: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], list[tuple[SeriesKey, int, float]]]:
        """Tell what came of what adds up, a second (NaN for late and first points), and percentiles of histograms."""
        came = self._totals.since(slots, observed.starts[at], observed.times[at], observed.values[at])
        self.late += int(came.late.sum())
        parts: list[tuple[SeriesKey, int, float]] = []
        if observed.distributions:
            late, begun, grew = came.late.tolist(), came.begun.tolist(), came.grew.tolist()
            for number, (place, slot) in enumerate(zip(at.tolist(), slots.tolist(), strict=True)):
                if late[number]:
                    continue
                last, now = self._totals.distributions[slot], observed.distributions.get(place)
                self._totals.distributions[slot] = now
                if now is None or not grew[number]:
                    continue
                spread = now.whole() if begun[number] else now.since(last)
                if spread is not None:
                    key, time_ns = observed.streams[place].key, int(observed.times[place])
                    estimates = ((_part(key, share), time_ns, spread.percentile(share)) for share in PERCENTILES)
                    parts += [one for one in estimates if math.isfinite(one[2])]
        return came.rates, parts

    def _rows_of(
        self, observed: Observations, at: NDArray[np.intp], slots: NDArray[np.intp], times: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Find or make the rows of streams that are heard of; -1 for a point that is no later than the last one."""
        before, evicted = self._totals.rows[slots], self.evicted
        known = before >= 0
        late = known & (times <= self.heard_ns[before])
        self.late += int(late.sum())
        self.heard_ns[before[known & ~late]] = times[known & ~late]
        rows = np.where(late, -1, before)
        for number in np.flatnonzero(~known).tolist():
            key = observed.streams[at[number]].key
            row = self._heard(key, int(times[number]))
            if row is not None:
                rows[number] = row
                self._totals.rows[slots[number]] = row
        if evicted != self.evicted:  # some of these may have made room for others of these
            rows[self._totals.rows[slots] != rows] = -1
        return rows

    def forget_before(self, time_ns: int) -> None:
        """Let go of series that were not heard of since."""
        rows = [row for row in self._named.values() if self.heard_ns[row] < time_ns]
        for row in rows:
            self._release(row)

    def named(self) -> dict[str, int]:
        """Give all rows that are in use, by the names under which they are saved."""
        return dict(self._named)

    def keep(self, name: str, heard_ns: int) -> int:
        """Keep a row for a series that was saved under a name, as if it had been heard of then."""
        row = self._begin(None, name, heard_ns)
        self._begin_all()
        return row

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
        self._begun.append(row)
        return row

    def _begin_all(self) -> None:
        """Tell of all rows that are somebody else's now: at once, for that costs hardly more than one of them."""
        if self._begun:
            begun, self._begun = np.unique(self._begun), []
            self.begin(begun)

    def _take_over(self, row: int, key: SeriesKey) -> None:
        """Go on with what is known of a series: another version of its service sends it now, or we began anew."""
        before = self.keys[row]
        if before is not None:
            del self._rows[before]
            self._totals.forget_row(row)
        self._rows[key], self.keys[row] = row, key
        self._begin_all()
        self.adopt(row, key)

    def _new_row(self) -> int:
        if not self._free and len(self.keys) >= self.most:
            many = max(1, self.most // 100)
            oldest = np.argpartition(self.heard_ns[: len(self.keys)], many - 1)[:many].tolist()
            self.evicted += many
            for row in oldest:
                self._release(row)
        if self._free:
            return self._free.pop()
        self.keys.append(None)
        self._names.append("")
        if len(self.keys) > len(self.heard_ns):
            self.heard_ns = np.concatenate([self.heard_ns, np.zeros_like(self.heard_ns)])
        return len(self.keys) - 1

    def _release(self, row: int) -> None:
        key = self.keys[row]
        if key is not None:
            del self._rows[key]
        del self._named[self._names[row]]
        self._totals.forget_row(row)
        self.keys[row] = None
        self._free.append(row)


_Columns = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
"""Rows, times, values."""
_FIRST_ROWS = 256


def _part(key: SeriesKey, share: float) -> SeriesKey:
    return (*key[:4], f"p{share * 100:.0f}", key[5])

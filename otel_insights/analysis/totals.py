"""What adds up: what came of it since the last point, a second.

Rules of the metrics data model, resets and gaps: https://opentelemetry.io/docs/specs/otel/metrics/data-model/#resets-and-gaps
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis.histograms import Distribution
from otel_insights.analysis.streams import DELTA, SeriesKey, Stream

_LAST: Final = np.dtype([("temporality", "i8"), ("seen", "i8"), ("time", "i8"), ("start", "i8"), ("value", "f8")])
"""The last point of a stream: `seen` is its time also where nothing adds up, `time` is 0 before the first that does."""
_FIRST: Final = 256


@dataclass(slots=True)
class Came:
    """What came with some points, in their order."""

    rates: NDArray[np.float64]
    """A second; NaN where nobody knows over how long it came, or where the point is late."""
    late: NDArray[np.bool_]
    begun: NDArray[np.bool_]
    """Whether it stands for itself: there is nothing to be subtracted."""
    grew: NDArray[np.bool_]
    """Whether anything came, over a time that is known."""


@dataclass(slots=True, repr=False)
class Totals:
    """Gives each stream a slot for its last point; beyond `most`, the ones not heard of for longest make room."""

    most: int
    rows: NDArray[np.int64] = field(default_factory=lambda: np.full(_FIRST, -1))
    """By slot: for whoever keeps something about streams; -1 for nothing."""
    distributions: list[Distribution | None] = field(default_factory=list)
    """The last ones, by slot."""
    _slots: dict[Stream, int] = field(default_factory=dict)
    _by_key: dict[tuple[SeriesKey, int], int] = field(default_factory=dict)
    _streams: list[list[Stream]] = field(default_factory=list)
    """By slot: those that are the same by their key and temporality. A total and what is added to it do not compare."""
    _free: list[int] = field(default_factory=list)
    _last: NDArray[np.void] = field(default_factory=lambda: np.zeros(_FIRST, _LAST))

    def __len__(self) -> int:
        """How many streams are known."""
        return len(self._by_key)

    def slots(self, streams: list[Stream]) -> NDArray[np.intp]:
        """Find the slots of streams, or make them."""
        if len(self._by_key) > self.most:
            self._make_room()
        found = list(map(self._slots.get, streams))
        if None in found:
            found = [self._slot(one) for one in streams]
        return np.array(found, np.intp)

    def is_total(self, slots: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Tell of which slots the points add up."""
        return np.asarray(self._last["temporality"][slots] > 0)

    def see(self, slots: NDArray[np.intp], times: NDArray[np.int64]) -> None:
        """Note that streams were heard of, so that they stay."""
        self._last["seen"][slots] = times

    def since(
        self,
        slots: NDArray[np.intp],
        starts: NDArray[np.int64],
        times: NDArray[np.int64],
        values: NDArray[np.float64],
    ) -> Came:
        """Tell what came, and remember the points; each slot once, and only of what adds up."""
        last = self._last[slots]
        is_delta, before = last["temporality"] == DELTA, last["time"]
        known = before > 0
        late = known & (times <= before)
        goes_on = known & ~is_delta & (last["start"] == starts) & (values >= last["value"])
        told = np.where(starts > 0, starts, before)  # of a delta
        anew = np.maximum(starts, before)  # a start that is the point's own time is unknown, and contributes nothing
        since = np.where(is_delta, told, np.where(goes_on, before, np.where(known, anew, 0)))
        added = np.where(goes_on, values - last["value"], values)
        timed = ~late & (since > 0) & (since < times)
        rates = np.full(len(slots), np.nan)
        rates[timed] = added[timed] / ((times - since)[timed] / 1e9)
        now = slots[~late]
        for name, column in (("time", times), ("start", starts), ("value", values)):
            self._last[name][now] = column[~late]
        return Came(rates, late, ~goes_on, timed & (added > 0))

    def forget_row(self, row: int) -> None:
        """Take a row away from the streams that have it: it is somebody else's now."""
        self.rows[self.rows == row] = -1

    def release(self, slot: int) -> None:
        """Forget a stream."""
        for one in self._streams[slot]:
            del self._slots[one]
        first = self._streams[slot][0]
        del self._by_key[first.key, first.temporality]
        self._streams[slot], self.distributions[slot], self.rows[slot] = [], None, -1
        self._last[slot] = np.zeros(1, _LAST)[0]
        self._free.append(slot)

    def _slot(self, stream: Stream) -> int:
        slot = self._slots.get(stream)
        if slot is None:
            name = (stream.key, stream.temporality)
            slot = self._by_key.get(name)
            if slot is None:
                slot = self._by_key[name] = self._new_slot()
                self._last["temporality"][slot] = stream.temporality
            elif len(self._streams[slot]) > _MOST_NAMESAKES:
                self._slots.pop(self._streams[slot].pop(1))
            self._slots[stream] = slot
            self._streams[slot].append(stream)
        return slot

    def _new_slot(self) -> int:
        if self._free:
            return self._free.pop()
        self._streams.append([])
        self.distributions.append(None)
        if len(self._streams) > len(self._last):
            self._last = np.concatenate([self._last, np.zeros_like(self._last)])
            self.rows = np.concatenate([self.rows, np.full_like(self.rows, -1)])
        return len(self._streams) - 1

    def _make_room(self) -> None:
        used = np.array(list(self._by_key.values()))
        many = len(used) - self.most + self.most // 100
        for slot in used[np.argpartition(self._last["seen"][used], many - 1)[:many]].tolist():
            self.release(slot)


_MOST_NAMESAKES: Final = 4
"""Streams that are the same by their key: who reads requests forgets, and makes new ones."""

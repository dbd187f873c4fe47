"""Rate, errors, duration: how many calls there were of each kind, and how long they took."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Kind = tuple[bytes, int, int]
"""Name, SpanKind, StatusCode."""
_FIRST_ROWS: Final = 64
_OTHERS: Final = 0
"""The row of all kinds beyond the cap."""


class Series(NamedTuple):
    """All calls of a kind since its first one."""

    of: Hashable
    """Whose they are; None, and no kind, stand for all beyond the cap."""
    kind: Kind | None
    start_ns: int
    """When the first one was counted."""
    counts: list[int]
    """How many took at most so long, by bound and not counted before; the last one beyond all bounds."""
    total: float
    """How long all took together."""
    longest: tuple[float, object] | None
    """How long the longest since the last turn took, and what it is called by; None if there was none."""


@dataclass(slots=True)
class Red:
    r"""Counts calls by whose they are and by kind; at most `most` of these apart, and all others as one.

    >>> red = Red((1.0, 10.0), most=1)
    >>> red.count("shop", [(b"GET", 2, 0), (b"GET", 2, 0), (b"PUT", 2, 0)], [0.5, 20.0, 5.0], chr, now_ns=7)
    >>> [one.counts for one in red.series()]
    [[1, 0, 1], [0, 1, 0]]
    >>> next(red.series())
    Series(of='shop', kind=(b'GET', 2, 0), start_ns=7, counts=[1, 0, 1], total=20.5, longest=(20.0, '\x01'))
    """

    bounds: Sequence[float]
    most: int
    _rows: dict[Hashable, dict[Kind, int]] = field(default_factory=dict)
    _used: int = _OTHERS + 1
    """Rows that were ever in use."""
    _free: list[int] = field(default_factory=list)
    _counts: NDArray[np.int64] = field(init=False)
    _totals: NDArray[np.float64] = field(init=False)
    _started: NDArray[np.int64] = field(init=False)
    _counted: NDArray[np.int64] = field(init=False)
    """When the last call of a row was counted; 0: never."""
    _longest: NDArray[np.float64] = field(init=False)
    """Since the last turn; below 0: none."""
    _names: dict[int, object] = field(default_factory=dict)
    """What the longest calls are called by, by row."""

    def __post_init__(self) -> None:
        """Begin without calls."""
        self._counts = np.zeros((_FIRST_ROWS, len(self.bounds) + 1), np.int64)
        self._totals, self._longest = np.zeros(_FIRST_ROWS), np.full(_FIRST_ROWS, -1.0)
        self._started, self._counted = np.zeros(_FIRST_ROWS, np.int64), np.zeros(_FIRST_ROWS, np.int64)

    def __len__(self) -> int:
        """How many kinds are counted apart."""
        return self._used - 1 - len(self._free)

    def count(
        self,
        of: Hashable,
        kinds: Sequence[Kind],
        durations: Sequence[float],
        name_of: Callable[[int], object],
        *,
        now_ns: int,
    ) -> None:
        """Count calls, each with its duration in the unit of the bounds; one below 0 counts as 0.

        `name_of` is asked what a call is called by, given its place, if it is the longest of its kind by now.
        """
        if not kinds:
            return
        known = self._rows.setdefault(of, {})
        found = list(map(known.get, kinds))
        if None in found:
            found = [self._row(known, kind, now_ns) for kind in kinds]
        rows = np.array(found, np.intp)
        took = np.maximum(np.array(durations, np.float64), 0.0)
        np.add.at(self._counts, (rows, np.searchsorted(self.bounds, took)), 1)
        np.add.at(self._totals, rows, took)
        before = self._longest[rows]
        np.maximum.at(self._longest, rows, took)
        for at in np.flatnonzero((took > before) & (took == self._longest[rows])).tolist():
            self._names[found[at]] = name_of(at)
        if not self._counted[_OTHERS]:
            self._started[_OTHERS] = now_ns
        self._counted[rows] = now_ns

    def series(self) -> Iterator[Series]:
        """Give all that was counted, kind by kind."""
        for of, kinds in self._rows.items():
            yield from (self._series(of, kind, row) for kind, row in kinds.items())
        if self._counted[_OTHERS]:
            yield self._series(None, None, _OTHERS)

    def _series(self, of: Hashable, kind: Kind | None, row: int) -> Series:
        longest = (float(self._longest[row]), self._names[row]) if row in self._names else None
        return Series(of, kind, int(self._started[row]), self._counts[row].tolist(), float(self._totals[row]), longest)

    def turn(self) -> None:
        """Begin anew to look for the longest calls."""
        self._longest[:] = -1.0
        self._names.clear()

    def forget_before(self, time_ns: int) -> None:
        """Let go of kinds of which there was no call since: should they come again, they begin anew."""
        for of, kinds in list(self._rows.items()):
            for kind in [kind for kind, row in kinds.items() if self._counted[row] < time_ns]:
                row = kinds.pop(kind)
                self._free.append(row)
                self._names.pop(row, None)
            if not kinds:
                del self._rows[of]

    def _row(self, known: dict[Kind, int], kind: Kind, now_ns: int) -> int:
        row = known.get(kind)
        if row is None:
            if len(self) >= self.most:
                return _OTHERS
            row = known[kind] = self._new_row()
            self._counts[row], self._totals[row], self._started[row], self._longest[row] = 0, 0.0, now_ns, -1.0
        return row

    def _new_row(self) -> int:
        if self._free:
            return self._free.pop()
        if self._used == len(self._totals):
            self._counts, self._totals, self._started, self._counted, self._longest = map(
                _doubled, (self._counts, self._totals, self._started, self._counted, self._longest)
            )
        self._used += 1
        return self._used - 1


def _doubled(array: NDArray) -> NDArray:  # type: ignore[type-arg] # of any kind
    return np.concatenate([array, np.zeros_like(array)])

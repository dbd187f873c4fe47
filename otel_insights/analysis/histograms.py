"""Histograms with explicit bounds: what came in an interval, and the percentiles of that."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import sub
from typing import Final, NamedTuple, Protocol

PERCENTILES: Final = (0.5, 0.95, 0.99)


class Distribution(Protocol):
    """How values lie, however a sender writes it down."""

    def whole(self) -> Distribution:
        """Give it in a form that tells percentiles."""

    def since(self, last: Distribution | None) -> Distribution | None:
        """Tell what came since the same total was told last, as `whole` does; None where the two do not compare."""

    def percentile(self, share: float) -> float:
        """Estimate the value that a share of all is not above."""


@dataclass(frozen=True, slots=True)
class Explicit:
    """Counts between bounds, one more than there are bounds."""

    counts: tuple[int, ...]
    bounds: tuple[float, ...]

    def whole(self) -> Explicit:
        """Give itself."""
        return self

    def since(self, last: Distribution | None) -> Explicit | None:
        """Subtract each count; bounds that changed do not compare, nor does a count that fell."""
        if isinstance(last, Packed):
            last = last.whole()
        if not isinstance(last, Explicit) or last.bounds != self.bounds:
            return None
        came = tuple(map(sub, self.counts, last.counts))
        return Explicit(came, self.bounds) if min(came) >= 0 else None

    def percentile(self, share: float) -> float:
        """Interpolate within the bucket that holds it, as Prometheus does; the open ones end at their bound.

        >>> Explicit((0, 10, 0), (1.0, 2.0)).percentile(0.5)
        1.5
        """
        bounds = self.bounds
        if not bounds:
            return 0.0
        at, within = holding(self.counts, share)
        if at == len(bounds):
            return float(bounds[-1])
        low = float(bounds[at - 1]) if at else min(0.0, float(bounds[0]))
        return low + (float(bounds[at]) - low) * within


class Packed(NamedTuple):
    """The same in the bytes of a serialised point, since most histograms are compared with none: nothing came."""

    counts: bytes
    bounds: bytes

    def whole(self) -> Explicit:
        """Read it.

        >>> Packed(struct.pack("<2Q", 3, 4), struct.pack("<d", 0.5)).whole()
        Explicit(counts=(3, 4), bounds=(0.5,))
        """
        return Explicit(struct.unpack(f"<{len(self.counts) // 8}Q", self.counts), _bounds(self.bounds))

    def since(self, last: Distribution | None) -> Explicit | None:
        """Tell what came, as `Explicit` does."""
        return self.whole().since(last)

    def percentile(self, share: float) -> float:
        """Estimate, as `Explicit` does."""
        return self.whole().percentile(share)


@lru_cache(maxsize=1024)
def _bounds(packed: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(packed) // 8}d", packed)


def holding(counts: Sequence[int], share: float) -> tuple[int, float]:
    """Find the count in which a share of the sum ends, and how much of it that takes; the place beyond all if none.

    >>> holding([4, 0, 6], 0.7)
    (2, 0.5)
    """
    wanted = share * sum(counts)
    below = 0
    for at, count in enumerate(counts):
        if below + count >= wanted and count:
            return at, (wanted - below) / count
        below += count
    return len(counts) - 1, 1.0

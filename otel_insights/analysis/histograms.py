"""Histograms with explicit bounds: what came in an interval, and the percentiles of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import sub
from typing import Final, Protocol

PERCENTILES: Final = (0.5, 0.95, 0.99)


class Distribution(Protocol):
    """How values lie, however a sender writes it down."""

    def since(self, last: Distribution | None) -> Distribution | None:
        """Tell what came since the same total was told last; None where the two do not compare."""

    def percentile(self, share: float) -> float:
        """Estimate the value that a share of all is not above."""


@dataclass(frozen=True, slots=True)
class Explicit:
    """Counts between bounds, one more than there are bounds."""

    counts: tuple[int, ...]
    bounds: tuple[float, ...]

    def since(self, last: Distribution | None) -> Explicit | None:
        """Subtract each count; bounds that changed do not compare, nor does a count that fell."""
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

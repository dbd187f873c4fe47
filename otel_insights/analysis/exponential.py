"""Exponential histograms: two of different scales compare once the finer one is made as coarse as the other.

Data model: https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from otel_insights.analysis.histograms import Distribution, holding

MOST_BUCKETS: Final = 320
"""Of one sign; twice what SDKs write by default. More are merged, so that what is kept of a series is bounded."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """Counts of one sign from the index `offset` on: that of index i is of values in (base^i, base^(i + 1)]."""

    offset: int = 0
    counts: tuple[int, ...] = ()

    def coarser(self, by: int) -> Buckets:
        """Merge each 2^by neighbours.

        >>> Buckets(-3, (1, 2, 3, 4)).coarser(1)
        Buckets(offset=-2, counts=(1, 5, 4))
        """
        if by <= 0 or not self.counts:
            return self
        first = self.offset >> by
        merged = [0] * (((self.offset + len(self.counts) - 1) >> by) - first + 1)
        for at, count in enumerate(self.counts, self.offset):
            merged[(at >> by) - first] += count
        return Buckets(first, tuple(merged))

    def span(self, other: Buckets) -> int:
        """Tell how many buckets these and others reach over."""
        sides = [side for side in (self, other) if side.counts]
        ends = [side.offset + len(side.counts) for side in sides]
        return max(ends) - min(side.offset for side in sides) if sides else 0

    def minus(self, other: Buckets) -> Buckets | None:
        """Subtract those of the same scale; None if one would fall below nothing."""
        if not other.counts:
            return self
        first = min(self.offset, other.offset) if self.counts else other.offset
        end = max(self.offset + len(self.counts), other.offset + len(other.counts))
        came = [0] * (end - first)
        for sign, buckets in ((1, self), (-1, other)):
            for at, count in enumerate(buckets.counts, buckets.offset - first):
                came[at] += sign * count
        return Buckets(first, tuple(came)) if min(came) >= 0 else None


@dataclass(frozen=True, slots=True)
class Exponential:
    """Counts by powers of 2^(2^-scale), above and below zero, and near it."""

    scale: int
    zero: int
    """How many are no further from zero than the threshold."""
    zero_threshold: float
    positive: Buckets
    negative: Buckets

    @classmethod
    def bounded(
        cls,
        scale: int,
        zero: tuple[int, float],
        positive: tuple[int, Sequence[int]],
        negative: tuple[int, Sequence[int]],
    ) -> Exponential:
        """Take a point's counts, made coarser until there are few enough; each sign is its offset and counts."""
        sides = [_trimmed(*side) for side in (positive, negative)]
        by = 0
        while any((len(side.counts) >> by) > MOST_BUCKETS for side in sides):
            by += 1
        return cls(scale - by, *zero, *(side.coarser(by) for side in sides))

    def whole(self) -> Exponential:
        """Give itself."""
        return self

    def coarser(self, scale: int) -> Exponential:
        """Give the same at a scale that is no finer."""
        by = self.scale - scale
        return Exponential(scale, self.zero, self.zero_threshold, self.positive.coarser(by), self.negative.coarser(by))

    def since(self, last: Distribution | None) -> Exponential | None:
        """Subtract at the coarser scale of both; another zero threshold does not compare, nor a count that fell."""
        if not isinstance(last, Exponential) or last.zero_threshold != self.zero_threshold:
            return None
        scale = min(self.scale, last.scale)
        this, other = self.coarser(scale), last.coarser(scale)
        while max(this.positive.span(other.positive), this.negative.span(other.negative)) > 2 * MOST_BUCKETS:
            scale -= 1  # far apart: what lies between is not to be listed
            this, other = this.coarser(scale), other.coarser(scale)
        positive, negative = this.positive.minus(other.positive), this.negative.minus(other.negative)
        if positive is None or negative is None or self.zero < last.zero:
            return None
        return Exponential(scale, self.zero - last.zero, self.zero_threshold, positive, negative)

    def percentile(self, share: float) -> float:
        """Interpolate by powers within a bucket, and evenly near zero.

        >>> one = Exponential(0, 0, 0.0, Buckets(1, (10,)), Buckets())
        >>> one.percentile(0.5)  # between 2 and 4
        2.8284271247461903
        """
        below = self.negative.counts[::-1]
        at, within = holding((*below, self.zero, *self.positive.counts), share)
        if at < len(below):
            return -_power(self.negative.offset + len(below) - at - within, self.scale)
        if at == len(below):
            low = -self.zero_threshold if any(below) else 0.0
            return low + (self.zero_threshold - low) * within
        return _power(self.positive.offset + at - len(below) - 1 + within, self.scale)


def _trimmed(offset: int, counts: Sequence[int]) -> Buckets:
    """Leave out what is empty at both ends."""
    first, end = 0, len(counts)
    while first < end and not counts[first]:
        first += 1
    while end > first and not counts[end - 1]:
        end -= 1
    return Buckets(offset + first, tuple(counts[first:end])) if end > first else Buckets()


def _power(index: float, scale: int) -> float:
    """Give base^index, infinite where no float holds it: that is no number, and so is missing."""
    try:
        return float(2.0 ** math.ldexp(index, -scale))
    except OverflowError:
        return math.inf

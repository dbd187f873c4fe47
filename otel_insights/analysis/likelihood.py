"""How much better failures are told by a condition than by the strata alone: a log likelihood ratio.

Counts of all strata of a level in which a condition separates anything are summed into one 2 x 2 table (as Mantel
and Haenszel do), and the table's G statistic, halved, is the evidence. Against a score test it does not overrate rare
conditions. Services that fail nearly always and others that seldom do are not summed into one table: what tells much in
the second would drown in the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis.exposure import Strata

Array = NDArray[np.float32]

_ANOTHER = np.float32(0.5)  # nats that one more table gains by chance


@dataclass(frozen=True, slots=True)
class Moments:
    """What is known of conditions without looking at who fails: arrays with one entry per condition.

    Over the strata that a condition splits: `total` environments, `failing` among them, `inside` that meet the
    condition, `expected` failing inside. `fixed`: failing inside over the strata that it does not split.
    """

    fixed: Array
    failing: Array
    total: Array
    inside: Array
    expected: Array

    def take(self, index: int) -> "Moments":
        """Return one row of the moments."""
        return Moments(
            self.fixed[index], self.failing[index], self.total[index], self.inside[index], self.expected[index]
        )


def stacked(rows: Sequence[Moments]) -> Moments:
    """Put rows of moments under one another."""
    fields = ((m.fixed, m.failing, m.total, m.inside, m.expected) for m in rows)
    return Moments(*(np.stack(field) for field in zip(*fields, strict=True)))


def moments(left: Array, right: Array, strata: Strata, failing: NDArray[np.bool_]) -> Moments:
    """Return the moments of every pair (column of `left` AND column of `right`), shaped left x right."""
    shape = (left.shape[1], right.shape[1])
    out = Moments(*(np.zeros(shape, dtype=np.float32) for _ in range(5)))
    for rows in strata.rows:
        size, failed = len(rows), int(failing[rows].sum())
        part = left[rows].T
        inside = part @ right[rows]
        splits = (inside > 0) & (inside < size)
        out.fixed[...] += np.where(inside == size, failed, 0)
        out.failing[...] += np.where(splits, failed, 0)
        out.total[...] += np.where(splits, size, 0)
        out.inside[...] += np.where(splits, inside, 0)
        chance = strata.chance[rows].astype(np.float32)
        out.expected[...] += np.where(splits, (part * chance) @ right[rows], 0)
    return out


def log_ratio(failing_inside: Sequence[Array], known: Sequence[Moments]) -> Array:
    """Return the evidence of each condition, given its failing environments on each level.

    What speaks against it on one level is taken from what speaks for it on others. 0 where nothing is left.
    """
    value = sum(_signed(inside, each) for inside, each in zip(failing_inside, known, strict=True))
    if len(known) > 1:
        split = sum((each.total > 0).astype(np.float32) for each in known)
        value = value - _ANOTHER * np.maximum(split - 1, 0)
    out: Array = np.maximum(value, np.float32(0))
    return out


def _signed(failing_inside: Array, known: Moments) -> Array:
    a = failing_inside - known.fixed
    e = known.expected
    f, n, k = known.failing, known.total, known.inside
    value = _gain(a, e) + _gain(f - a, f - e) + _gain(k - a, k - e) + _gain(n - k - f + a, n - k - f + e)
    return np.where(a > e, value, -value)


def evidence(matrix: NDArray[np.bool_], strata: Strata, failing: NDArray[np.bool_]) -> Array:
    """Return the evidence of each column of the matrix for the failures that were observed."""
    columns = matrix.astype(np.float32)
    everything = np.ones((len(failing), 1), dtype=np.float32)
    inside, known = [], []
    for part in strata.by_level():
        used = np.concatenate(part.rows)
        inside.append(columns[used[failing[used]]].sum(axis=0))
        known.append(moments(everything, columns, part, failing).take(0))
    return log_ratio(inside, known)


def _gain(observed: Array, expected: Array) -> Array:
    seen = np.maximum(observed, np.float32(1e-30))
    gain: Array = observed * np.log(seen / np.maximum(expected, np.float32(1e-6)))
    return gain

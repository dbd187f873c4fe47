"""How much better failures are told by a condition than by the strata alone: a log likelihood ratio.

Counts of all strata in which a condition separates anything are summed into one 2 x 2 table (as Mantel and Haenszel
do), and the table's G statistic, halved, is the evidence. Against a score test it does not overrate rare conditions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis.exposure import Strata

Array = NDArray[np.float32]


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


def log_ratio(failing_inside: Array, known: Moments) -> Array:
    """Return the evidence of each condition, given its failing environments; 0 where it does not raise the risk."""
    a = failing_inside - known.fixed
    e = known.expected
    f, n, k = known.failing, known.total, known.inside
    value = _gain(a, e) + _gain(f - a, f - e) + _gain(k - a, k - e) + _gain(n - k - f + a, n - k - f + e)
    return np.where(a > e, value, np.float32(0))


def evidence(matrix: NDArray[np.bool_], strata: Strata, failing: NDArray[np.bool_]) -> Array:
    """Return the evidence of each column of the matrix for the failures that were observed."""
    used = np.zeros(len(failing), dtype=np.float32)
    for rows in strata.rows:
        used[rows] = failing[rows]
    columns = matrix.astype(np.float32)
    everything = np.ones((len(failing), 1), dtype=np.float32)
    return log_ratio(used @ columns, moments(everything, columns, strata, failing).take(0))


def _gain(observed: Array, expected: Array) -> Array:
    seen = np.maximum(observed, np.float32(1e-30))
    gain: Array = observed * np.log(seen / np.maximum(expected, np.float32(1e-6)))
    return gain

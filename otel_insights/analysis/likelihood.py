"""How much better failures are told by a condition than by the services alone: a log Bayes factor.

With the condition most fail, without it few do: how many is not known, and integrated over (Beta distributions). So an
alternative that no cause makes, such as a third failing with the condition and a tenth without, is not worth much
however many environments show it, and rare conditions are not overrated. Services that fail nearly always and others
that seldom do (levels) are counted apart: what tells much in the second would drown in the first. Each may be spared,
because what can fail does not run there; so what speaks against a condition on one level is bounded.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis.exposure import Level

Array = NDArray[np.float32]

_WITH = (1.5, 0.5)  # Beta distribution of the share that fails with the cause
_WITHOUT = (0.5, 5.0)  # and without it
_SPARED = 0.2  # chance that a level does not run into the cause at all: its failures are others


@dataclass(frozen=True, slots=True)
class Moments:
    """What is known of conditions on one level without looking at who fails: arrays with one entry per condition.

    `inside` environments meet the condition; `expected` of those fail by how much they did. The rest says the same
    as the correction of the log Bayes factor for `a` failing inside: `constant + slope * a`.
    """

    inside: NDArray[np.intp]
    expected: Array
    constant: Array
    slope: Array

    def take(self, index: object) -> "Moments":
        """Return some of the conditions."""
        return Moments(*(getattr(self, name)[index] for name in ("inside", "expected", "constant", "slope")))


def stacked(rows: Sequence[Moments]) -> Moments:
    """Put rows of moments under one another."""
    fields = ((m.inside, m.expected, m.constant, m.slope) for m in rows)
    return Moments(*(np.stack(field) for field in zip(*fields, strict=True)))


def moments(left: Array, right: Array, level: Level) -> Moments:
    """Return the moments of every pair (column of `left` AND column of `right`), shaped left x right."""
    part = left[level.members].T
    chance = level.chance[level.members].astype(np.float32)
    other = right[level.members]
    k = part @ other
    e = (part * chance) @ other
    n, f = np.float32(len(level.members)), np.float32(chance.sum())
    inside = np.clip(e / np.maximum(k, 1), 1e-6, 1 - 1e-6)
    outside = np.clip((f - e) / np.maximum(n - k, 1), 1e-6, 1 - 1e-6)
    overall = np.clip(f / n, 1e-6, 1 - 1e-6)
    failing = np.float32(level.failing)
    flat = failing * np.log(overall) + (n - failing) * np.log1p(-overall)
    constant = flat - k * np.log1p(-inside) - failing * np.log(outside) - (n - k - failing) * np.log1p(-outside)
    slope = np.log1p(-inside) - np.log(inside) + np.log(outside) - np.log1p(-outside)
    none, every = k < 1, k > n - 1
    flatten = none | every
    return Moments(
        k.astype(np.intp),
        e.astype(np.float32),
        np.where(flatten, 0, constant).astype(np.float32),
        np.where(flatten, 0, slope).astype(np.float32),
    )


def log_factor(failing_inside: Sequence[Array], known: Sequence[Moments], levels: Sequence[Level]) -> Array:
    """Return the evidence of each condition in nats, given its failing environments on each level.

    0 where nothing speaks for it, or where no more fail than by chance.
    """
    value = np.float32(0)
    above = np.float32(0)
    for inside, each, level in zip(failing_inside, known, levels, strict=True):
        healthy = len(level.members) - level.failing
        table = _table(level.failing, healthy)
        place = inside.astype(np.intp) * healthy + each.inside
        at_risk = table[place] + each.slope * inside + each.constant
        value = value + np.logaddexp(np.float32(math.log(_SPARED)), at_risk + np.float32(math.log1p(-_SPARED)))
        above = above + inside - each.expected
    out: Array = np.where(above > 0, np.maximum(value, np.float32(0)), np.float32(0))
    return out


@lru_cache(maxsize=16)
def _table(failing: int, healthy: int) -> Array:
    """Return the evidence of a failing and b healthy inside, at a x (healthy + 1) + b = a x healthy + (a + b)."""
    log_gamma = np.frompyfunc(math.lgamma, 1, 1)
    most = failing + healthy + 4

    def log_beta(prior: tuple[float, float]) -> NDArray[np.float64]:
        a, b, both = (
            log_gamma(np.arange(size) + start).astype(float)
            for size, start in ((failing + 1, prior[0]), (healthy + 1, prior[1]), (most, sum(prior)))
        )
        counts = np.arange(failing + 1)[:, None] + np.arange(healthy + 1)[None]
        start = math.lgamma(prior[0]) + math.lgamma(prior[1]) - math.lgamma(sum(prior))
        return np.asarray(a[:, None] + b[None] - both[counts] - start)

    inside, outside = log_beta(_WITH), log_beta(_WITHOUT)
    both = inside + outside[::-1, ::-1] - outside[-1, -1]
    table: Array = both.astype(np.float32).ravel()
    return table


def evidence(matrix: NDArray[np.bool_], levels: Sequence[Level], failing: NDArray[np.bool_]) -> Array:
    """Return the evidence of each column of the matrix for the failures that were observed."""
    columns = matrix.astype(np.float32)
    everything = np.ones((len(failing), 1), dtype=np.float32)
    inside, known = [], []
    for level in levels:
        inside.append(columns[level.members[failing[level.members]]].sum(axis=0))
        known.append(moments(everything, columns, level).take(0))
    return log_factor(inside, known, levels)

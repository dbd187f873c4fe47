"""Failing environments drawn anew: as many in each stratum as there were, each as likely as it was to fail.

Conditional Bernoulli sampling, drawn one by one (Chen and Liu, Statistica Sinica 7, 1997, procedure 4). With equal
chances this is a permutation of the labels inside each stratum.
"""

import math
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis.exposure import Floats, Strata


def relabel(strata: Strata, failing: NDArray[np.bool_], count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return `count` rows of labels (1 = failing), with each stratum's number of failing environments kept.

    Who is in no stratum keeps the label.
    """
    labels = np.tile(failing.astype(np.float32), (count, 1))
    for members in strata.rows:
        wanted = int(failing[members].sum())
        chance = strata.chance[members]
        if np.ptp(chance) < 1e-6:  # noqa: PLR2004 - equal up to rounding
            chosen = np.argsort(rng.random((count, len(members))), axis=1)[:, :wanted]
            labels[:, members] = 0
            labels[np.arange(count)[:, None], members[chosen]] = 1
        else:
            labels[:, members] = _draw(chance, wanted, count, rng)
    return labels


def every_relabelling(
    strata: Strata, failing: NDArray[np.bool_], most: int
) -> tuple[NDArray[np.float32], Floats] | None:
    """Return all relabellings and how likely each is, or None where there are more than `most`."""
    number = math.prod(math.comb(len(members), int(failing[members].sum())) for members in strata.rows)
    if number > most:
        return None
    labels = failing[None].astype(np.float32)
    odds = np.zeros(1)
    for members in strata.rows:
        chance = np.clip(strata.chance[members], 1e-9, 1 - 1e-9)
        own = np.log(chance) - np.log1p(-chance)
        chosen = np.array(list(combinations(range(len(members)), int(failing[members].sum()))))
        labels = np.repeat(labels, len(chosen), axis=0)
        labels[:, members] = 0
        again = np.tile(chosen, (len(odds), 1))
        labels[np.arange(len(labels))[:, None], members[again]] = 1
        odds = np.repeat(odds, len(chosen)) + np.tile(own[chosen].sum(axis=1), len(odds))
    likely = np.exp(odds - odds.max())
    return labels, likely / likely.sum()


def _draw(chance: Floats, wanted: int, count: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    log_odds = np.log(chance) - np.log1p(-chance)
    ways = _ways(log_odds, wanted)
    size = len(chance)
    drawn = np.zeros((count, size), dtype=bool)
    left = np.full(count, wanted)
    uniform = rng.random((count, size))
    for i in range(size):
        with_it = np.where(left > 0, log_odds[i] + ways[i + 1, np.maximum(left - 1, 0)], -np.inf)
        drawn[:, i] = uniform[:, i] < np.exp(with_it - ways[i, left])
        left -= drawn[:, i]
    return drawn


def _ways(log_odds: Floats, wanted: int) -> Floats:
    """`ways[i, k]`: logarithm of the summed odds of all choices of k among the members from i on."""
    size = len(log_odds)
    ways = np.full((size + 1, wanted + 1), -np.inf)
    ways[size, 0] = 0.0
    for i in range(size - 1, -1, -1):
        ways[i, 0] = 0.0
        ways[i, 1:] = np.logaddexp(ways[i + 1, 1:], log_odds[i] + ways[i + 1, :-1])
    return ways

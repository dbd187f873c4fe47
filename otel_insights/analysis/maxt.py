"""Family-wise p-values: how often the whole search does as well when the failing environments are drawn anew.

Westfall and Young's max-T: one number, the best score of the search, is compared; it answers for every condition tried.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis.exposure import Floats, Strata
from otel_insights.analysis.likelihood import Array
from otel_insights.analysis.relabelling import every_relabelling, relabel

_BATCH = 50
_FEW = 1000  # relabellings that are gone through one by one rather than drawn
_SAME = 1e-4  # scores are sums of single precision


@dataclass(frozen=True, slots=True)
class Null:
    """Best scores of the search under labels that mean nothing, and how likely each is.

    `observed` is the weight of the labels that were observed, where they are not among those.
    """

    scores: NDArray[np.float64]
    weights: Floats
    observed: float

    def p_value(self, score: float) -> float:
        """Return the family-wise p-value of a score: how likely as good a one is.

        >>> Null(np.array([1.0, 2.0, 5.0]), np.full(3, 0.25), 0.25).p_value(3.0)
        0.5
        """
        return min(1.0, self.observed + float(self.weights[self.scores >= score - _SAME].sum()))


def null_scores(
    best_scores: Callable[[Array], NDArray[np.float64]],
    strata: Strata,
    failing: NDArray[np.bool_],
    observed: float,
    *,
    permutations: int,
    alpha: float,
    rng: np.random.Generator,
) -> Null:
    """Return the best scores of searches over labels drawn anew: `permutations` of them, or all that there are, if few.

    Stops early once `observed` has been reached so often that it can no longer be significant at `alpha` (Besag and
    Clifford, Biometrika 78, 1991): what can only be silence should be cheap.
    """
    every = every_relabelling(strata, failing, _FEW)
    if every is not None:
        labels, weights = every
        return Null(best_scores(labels), weights, 0.0)
    scores = np.zeros(0)
    enough = alpha * (permutations + 1)
    while len(scores) < permutations:
        labels = relabel(strata, failing, min(_BATCH, permutations - len(scores)), rng)
        scores = np.concatenate([scores, best_scores(labels)])
        if (scores >= observed - _SAME).sum() >= enough:
            break
    share = 1 / (1 + len(scores))
    return Null(scores, np.full(len(scores), share), share)

"""Family-wise p-values: how often the whole search does as well when the failing environments are drawn anew.

Westfall and Young's max-T: one number, the best score of the search, is compared; it answers for every condition tried.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis.likelihood import Array

_BATCH = 50


def null_scores(
    best_scores: Callable[[Array], NDArray[np.float64]],
    draw: Callable[[int], Array],
    observed: float,
    *,
    permutations: int,
    alpha: float,
) -> NDArray[np.float64]:
    """Return the best scores of up to `permutations` searches over labels drawn anew.

    Stops early once `observed` has been reached so often that it can no longer be significant at `alpha` (Besag and
    Clifford, Biometrika 78, 1991): what can only be silence should be cheap.
    """
    scores = np.zeros(0)
    enough = alpha * (permutations + 1)
    while len(scores) < permutations:
        labels = draw(min(_BATCH, permutations - len(scores)))
        scores = np.concatenate([scores, best_scores(labels)])
        if (scores >= observed - 1e-4).sum() >= enough:
            break
    return scores


def p_value(score: float, null: NDArray[np.float64]) -> float:
    """Return the family-wise p-value of a score: its rank among the null scores, itself included.

    >>> p_value(3.0, np.array([1.0, 2.0, 5.0]))
    0.5
    """
    return float((1 + (null >= score - 1e-4).sum()) / (1 + len(null)))

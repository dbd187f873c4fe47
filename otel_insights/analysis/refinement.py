"""A second condition, where the first is established but not the whole story: some that meet it are healthy.

The question is asked again inside the first condition alone, with a permutation test of its own. So a pair is preferred
to its half only if the half is established and what the other adds is, too.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis.columns import Columns
from otel_insights.analysis.exposure import Strata
from otel_insights.analysis.maxt import null_scores, p_value
from otel_insights.analysis.relabelling import relabel
from otel_insights.analysis.search import Candidate, Search

_KEPT = 0.75  # share of the first condition's failing environments that the pair must still hold


@dataclass(frozen=True, slots=True)
class Refinement:
    """A pair that begins with the refined condition, and the p-value of what its second half adds."""

    candidate: Candidate
    p_value: float


def refine(
    first: Candidate,
    columns: Columns,
    failing: NDArray[np.bool_],
    strata_within: Callable[[NDArray[np.bool_]], Strata],
    *,
    permutations: int,
    alpha: float,
    rng: np.random.Generator,
) -> Refinement | None:
    """Return the best second condition inside `first` (one column), if it adds what chance does not, else None."""
    inside = columns.matrix[:, first.columns[0]]
    strata = strata_within(inside)
    if not strata.rows:
        return None
    search = Search(columns, strata, failing, anchors=0)
    second = search.candidates(1)[0]
    kept = (columns.matrix[:, second.columns[0]] & inside & failing).sum()
    if kept < _KEPT * (inside & failing).sum():
        return None
    null = null_scores(
        search.best_scores,
        lambda count: relabel(strata, failing, count, rng),
        second.score,
        permutations=permutations,
        alpha=alpha,
    )
    p = p_value(second.score, null)
    a, b = sorted((first.columns[0], second.columns[0]))
    return Refinement(Candidate((a, b), first.score), p) if p <= alpha else None

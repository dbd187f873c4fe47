"""The search over single conditions and pairs, the same for what was observed and for labels drawn anew."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis.columns import Columns
from otel_insights.analysis.exposure import Strata
from otel_insights.analysis.likelihood import Array, Moments, log_ratio, moments, stacked

NOTHING = -1e6  # the score of a condition that does not raise the risk
_PAIRABLE = 1500  # columns that take part in pairs: the likeliest beforehand
_PAIR_PRIOR = np.array(
    [-2.0, 0.5, 2.5], dtype=np.float32
)  # logarithm of how much likelier a pair is than two independent draws of a condition


@dataclass(frozen=True, slots=True)
class Candidate:
    """One column, or two joined by AND, and its score: evidence plus prior weight, in nats."""

    columns: tuple[int, ...]
    score: float


class Search:
    """Scores conditions against labels. Prepared once per cluster; scoring changes nothing that can be seen.

    Pairs are formed of the `anchors` best single conditions under the labels at hand with every other one.
    """

    def __init__(self, columns: Columns, strata: Strata, failing: NDArray[np.bool_], *, anchors: int) -> None:
        self._matrix = columns.matrix.astype(np.float32)
        self._weights = columns.weights.astype(np.float32)
        self._named = columns.named.astype(np.intp)
        self._failing = failing
        self._levels = strata.by_level()
        self._rows = [np.concatenate(one.rows) for one in self._levels]
        self._parts = [self._matrix[rows] for rows in self._rows]
        everything = np.ones((len(failing), 1), dtype=np.float32)
        self._singles = [moments(everything, self._matrix, one, failing).take(0) for one in self._levels]
        splits = np.any([known.total > 0 for known in self._singles], axis=0)
        useful = np.where(splits, columns.weights, -np.inf)
        order = np.argsort(-useful, kind="stable")[:_PAIRABLE]
        self._pairable = np.sort(order[useful[order] > -np.inf])
        self._right = np.ascontiguousarray(self._matrix[:, self._pairable])
        self._anchors = min(anchors, len(self._pairable))
        self._pairs: dict[int, list[Moments]] = {}
        self._used = np.zeros(len(failing), dtype=bool)
        for rows in strata.rows:
            self._used[rows] = True

    def best_scores(self, labels: Array) -> NDArray[np.float64]:
        """Return the best score of the whole search for each row of labels."""
        singles = self._single_scores(labels)
        best = singles.max(axis=1).astype(np.float64)
        for i, row in enumerate(labels):
            _, scores = self._pair_scores(row, singles[i])
            best[i] = max(best[i], scores.max(initial=-np.inf))
        return np.asarray(best)

    def candidates(self, count: int) -> list[Candidate]:
        """Return the best candidates for the labels that were observed, best first, with all that tie with the last."""
        observed = (self._failing & self._used).astype(np.float32)
        singles = self._single_scores(observed[None])[0]
        anchors, pairs = self._pair_scores(observed, singles)
        found = [Candidate((j,), float(singles[j])) for j in range(len(singles))]
        floor = np.sort(np.concatenate([singles, pairs.ravel()]))[-count:].min(initial=np.inf)
        for i, j in np.argwhere(pairs >= floor - 1e-4):
            a, b = sorted((int(anchors[i]), int(self._pairable[j])))
            if a != b:
                found.append(Candidate((a, b), float(pairs[i, j])))
        distinct = {c.columns: c for c in found if c.score >= floor - 1e-4}
        return sorted(distinct.values(), key=lambda c: (-c.score, len(c.columns), c.columns))

    def _single_scores(self, labels: Array) -> Array:
        inside = [labels[:, rows] @ part for rows, part in zip(self._rows, self._parts, strict=True)]
        evidence = log_ratio(inside, self._singles)
        return np.where(evidence > 0, evidence + self._weights, np.float32(NOTHING))

    def _pair_scores(self, labels: Array, singles: Array) -> tuple[NDArray[np.intp], Array]:
        """Return the anchors and the scores of each with every pairable column."""
        order = np.argsort(-singles[self._pairable], kind="stable")[: self._anchors]
        anchors = self._pairable[order]
        if not len(anchors):
            return anchors, np.zeros((0, len(self._pairable)), dtype=np.float32)
        self._prepare(anchors)
        inside = []
        for rows in self._rows:
            failing = rows[labels[rows] > 0]
            inside.append(self._matrix[np.ix_(failing, anchors)].T @ self._right[failing])
        evidence = log_ratio(
            inside, [stacked(each) for each in zip(*(self._pairs[int(a)] for a in anchors), strict=True)]
        )
        weights = self._weights[anchors][:, None] + self._weights[self._pairable][None]
        weights += _PAIR_PRIOR[self._named[anchors][:, None] + self._named[self._pairable][None]]
        return anchors, np.where(evidence > 0, evidence + weights, np.float32(NOTHING))

    def _prepare(self, anchors: NDArray[np.intp]) -> None:
        new = [int(a) for a in anchors if int(a) not in self._pairs]
        if new:
            known = [moments(self._matrix[:, new], self._right, one, self._failing) for one in self._levels]
            self._pairs.update({a: [each.take(i) for each in known] for i, a in enumerate(new)})

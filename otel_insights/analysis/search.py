"""The search over single conditions and pairs, the same for what was observed and for labels drawn anew."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis.columns import Columns
from otel_insights.analysis.exposure import Level
from otel_insights.analysis.likelihood import Array, Moments, log_factor, moments, stacked

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

    Pairs are formed of the `anchors` best single conditions under the labels at hand with every other one. What fewer
    than `least` failing environments meet is no candidate.
    """

    def __init__(
        self, columns: Columns, levels: Sequence[Level], failing: NDArray[np.bool_], *, anchors: int, least: int
    ) -> None:
        self._matrix = columns.matrix.astype(np.float32)
        self._weights = columns.weights.astype(np.float32)
        self._named = columns.named.astype(np.intp)
        self._failing = failing
        self._least = least
        self._levels = levels
        self._parts = [self._matrix[level.members] for level in levels]
        everything = np.ones((len(failing), 1), dtype=np.float32)
        self._singles = [moments(everything, self._matrix, level).take(0) for level in levels]
        splits = np.any(
            [(m.inside > 0) & (m.inside < len(level.members)) for m, level in zip(self._singles, levels, strict=True)],
            axis=0,
        )
        useful = np.where(splits, columns.weights, -np.inf)
        order = np.argsort(-useful, kind="stable")[:_PAIRABLE]
        self._pairable = np.sort(order[useful[order] > -np.inf])
        self._right = np.ascontiguousarray(self._matrix[:, self._pairable])
        self._anchors = min(anchors, len(self._pairable))
        self._pairs: dict[int, list[Moments]] = {}

    def best_scores(self, labels: Array) -> NDArray[np.float64]:
        """Return the best score of the whole search for each row of labels."""
        singles, ranks = self._single_scores(labels)
        best = singles.max(axis=1).astype(np.float64)
        for i, row in enumerate(labels):
            _, scores = self._pair_scores(row, ranks[i])
            best[i] = max(best[i], scores.max(initial=-np.inf))
        return np.asarray(best)

    def candidates(self, count: int) -> list[Candidate]:
        """Return what raises the risk under the labels that were observed: the best, and all that tie with the last."""
        observed = self._failing.astype(np.float32)
        found_singles, ranks = self._single_scores(observed[None])
        singles = found_singles[0]
        anchors, pairs = self._pair_scores(observed, ranks[0])
        found = [Candidate((j,), float(singles[j])) for j in range(len(singles))]
        floor = np.sort(np.concatenate([singles, pairs.ravel()]))[-count:].min(initial=np.inf)
        for i, j in np.argwhere(pairs >= max(floor - 1e-4, NOTHING + 1)):
            a, b = sorted((int(anchors[i]), int(self._pairable[j])))
            if a != b:
                found.append(Candidate((a, b), float(pairs[i, j])))
        distinct = {c.columns: c for c in found if c.score >= max(floor - 1e-4, NOTHING + 1)}
        return sorted(distinct.values(), key=lambda c: (-c.score, len(c.columns), c.columns))

    def _single_scores(self, labels: Array) -> tuple[Array, Array]:
        """Return the scores of single conditions, and those by which they become anchors of pairs."""
        inside = [labels[:, level.members] @ part for level, part in zip(self._levels, self._parts, strict=True)]
        evidence = log_factor(inside, self._singles, self._levels)
        scores = np.where(evidence > 0, evidence + self._weights, np.float32(NOTHING))
        return np.where(sum(inside) >= self._least, scores, np.float32(NOTHING)), scores

    def _pair_scores(self, labels: Array, singles: Array) -> tuple[NDArray[np.intp], Array]:
        """Return the anchors and the scores of each with every pairable column."""
        order = np.argsort(-singles[self._pairable], kind="stable")[: self._anchors]
        anchors = self._pairable[order]
        if not len(anchors):
            return anchors, np.zeros((0, len(self._pairable)), dtype=np.float32)
        self._prepare(anchors)
        inside = []
        for level in self._levels:
            failing = level.members[labels[level.members] > 0]
            inside.append(self._matrix[np.ix_(failing, anchors)].T @ self._right[failing])
        known = [stacked(each) for each in zip(*(self._pairs[int(a)] for a in anchors), strict=True)]
        evidence = log_factor(inside, known, self._levels)
        weights = self._weights[anchors][:, None] + self._weights[self._pairable][None]
        weights += _PAIR_PRIOR[self._named[anchors][:, None] + self._named[self._pairable][None]]
        found = (evidence > 0) & (sum(inside) >= self._least)
        return anchors, np.where(found, evidence + weights, np.float32(NOTHING))

    def _prepare(self, anchors: NDArray[np.intp]) -> None:
        new = [int(a) for a in anchors if int(a) not in self._pairs]
        if new:
            known = [moments(self._matrix[:, new], self._right, level) for level in self._levels]
            self._pairs.update({a: [each.take(i) for each in known] for i, a in enumerate(new)})

"""Clusters that are possibly the same: shown to people, who may merge them; never merged for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis.neighbours import nearest

MOST_SIMILAR = 3
_LEAST = 0.6  # of a dot product of unit rows; below, texts of one exception type share little but its name
_MOST_CLUSTERS = 20_000  # compared within a type; beyond, the most frequent ones


def similar(
    rows: NDArray[np.float32], clusters: Sequence[str], kinds: Sequence[str], counts: Sequence[float]
) -> dict[str, tuple[tuple[str, float], ...]]:
    """Give each cluster the most similar others of its kind with their similarity, 0..1, best first.

    Row i is a signature of cluster `clusters[i]`, seen `counts[i]` times; a cluster is compared by its most frequent
    one. `kinds[i]` is what must be equal (the exception's type).
    """
    order = sorted(range(len(clusters)), key=lambda at: (-counts[at], at))
    most_frequent: dict[str, int] = {}
    for at in order:
        most_frequent.setdefault(clusters[at], at)
    chosen = list(most_frequent.values())[:_MOST_CLUSTERS]
    edges = nearest(rows[chosen], MOST_SIMILAR, [kinds[one] for one in chosen])
    found: dict[str, dict[str, float]] = {}
    for a, b, distance in zip(edges.a.tolist(), edges.b.tolist(), edges.distance.tolist(), strict=True):
        similarity = round(1 - distance * distance / 2, 3)
        if similarity >= _LEAST:
            found.setdefault(clusters[chosen[a]], {})[clusters[chosen[b]]] = similarity
            found.setdefault(clusters[chosen[b]], {})[clusters[chosen[a]]] = similarity
    return {one: _best(others) for one, others in found.items()}


def _best(others: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(others.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_SIMILAR])

"""Clusters of similar signatures, and the identity of clusters from one clustering to the next."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from sklearn.cluster import HDBSCAN

from otel_insights.analysis.neighbours import Edges, connect, nearest

NEIGHBOURS = 10
MIN_CLUSTER_SIZE = 3
SAME_DISTANCE = 0.35
MAX_DISTANCE = 0.7
_FAR = 4.0  # twice the greatest distance of rows of unit length
_ZERO = 1e-6  # stands for no distance where a sparse matrix would take 0 for no edge


@dataclass(frozen=True, slots=True)
class Clustering:
    """`labels[i]` is the cluster of row i; what belongs to no other is a cluster of its own, so none is -1.

    `probabilities[i]` in 0..1 says how much row i belongs there: 1 for the core, and for clusters of one.
    """

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]


def cluster(
    vectors: NDArray[np.float32],
    counts: Sequence[int],
    *,
    blocks: Sequence[Hashable] | None = None,
    min_cluster_size: int = MIN_CLUSTER_SIZE,
    same_distance: float = SAME_DISTANCE,
    max_distance: float | None = MAX_DISTANCE,
    neighbours: int = NEIGHBOURS,
) -> Clustering:
    """Cluster rows of unit length, each of which was seen `counts[i]` times.

    HDBSCAN (Campello, Moulavi, Sander 2013) on the graph of exact nearest neighbours. A row stands for as many points
    as it was seen, up to `min_cluster_size`: what is frequent is a cluster by itself, and what is rare joins what
    is frequent nearby, or other rare rows, or nothing. Distances are Euclidean, 0..2.

    - Rows of different `blocks` never meet.
    - No two rows meet over an edge longer than `max_distance` (None: any); too far is better a split than a merge.
    - What is nearer than `same_distance` is one: the hierarchy has no levels below it (as in Malzer and Baum 2020).

    Labels are numbered by first appearance.
    """
    n = len(vectors)
    weights = np.minimum(np.maximum(np.asarray(counts, np.int64), 1), min_cluster_size)
    edges = nearest(vectors, max(neighbours, min_cluster_size), blocks)
    if max_distance is not None:
        edges = edges.within(max_distance)
    elif blocks is None:
        edges = connect(vectors, edges)
    labels, probabilities = np.full(n, -1, np.int64), np.ones(n)
    linked = np.unique(np.concatenate((edges.a, edges.b)))
    if len(linked):
        small = np.searchsorted(linked, edges.a), np.searchsorted(linked, edges.b)
        found = _hdbscan(Edges(*small, edges.distance), weights[linked], min_cluster_size, same_distance)
        labels[linked], probabilities[linked] = found
    return _renumbered(labels, probabilities)


def _hdbscan(
    edges: Edges, weights: NDArray[np.int64], min_cluster_size: int, same_distance: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    n = len(weights)
    core = _core_distances(edges, weights, min_cluster_size)
    reach = np.maximum(edges.distance, np.maximum(core[edges.a], core[edges.b]))
    reach[reach <= same_distance] = _ZERO
    first = np.concatenate(([0], np.cumsum(weights)[:-1]))  # a row's first point; its copies follow
    points = int(weights.sum())
    copies = np.setdiff1d(np.arange(points), first)
    originals = np.repeat(np.arange(n), weights)[copies]
    far = np.arange(n - 1)
    graph = _graph(
        points,
        Edges(first[edges.a], first[edges.b], reach)
        .plus(Edges(first[originals], copies, core[originals]))
        .plus(Edges(first[far], first[far + 1], np.full(n - 1, _FAR))),
    )
    # the distances are mutual reachabilities already: with one sample, HDBSCAN takes them as they are
    model = HDBSCAN(
        min_cluster_size=max(2, min_cluster_size),
        min_samples=1,
        metric="precomputed",
        copy=True,
    ).fit(graph)
    return model.labels_[first].astype(np.int64), model.probabilities_[first].astype(np.float64)


def _core_distances(edges: Edges, weights: NDArray[np.int64], points: int) -> NDArray[np.float64]:
    """Return how far each row must look to see so many points, itself included; `_FAR` when there are fewer."""
    core = np.full(len(weights), _FAR)
    core[weights >= points] = _ZERO
    a, b = np.concatenate((edges.a, edges.b)), np.concatenate((edges.b, edges.a))
    distance = np.concatenate((edges.distance, edges.distance))
    _, once = np.unique(a * len(weights) + b, return_index=True)
    a, b, distance = a[once], b[once], distance[once]
    order = np.lexsort((distance, a))
    a, b, distance = a[order], b[order], distance[order]
    starts = np.searchsorted(a, np.arange(len(weights)))
    seen = np.cumsum(weights[b])
    before = np.concatenate(([0], seen))[starts]
    enough = np.flatnonzero(seen - before[a] + weights[a] >= points)
    rows, at = np.unique(a[enough], return_index=True)
    core[rows] = np.where(weights[rows] >= points, _ZERO, np.maximum(distance[enough[at]], _ZERO))
    return core


def _graph(n: int, edges: Edges) -> csr_matrix:
    """Return a symmetric matrix; of edges that come more than once, the shortest."""
    low, high = np.minimum(edges.a, edges.b), np.maximum(edges.a, edges.b)
    order = np.lexsort((edges.distance, high, low))
    low, high, distance = low[order], high[order], np.maximum(edges.distance[order], _ZERO)
    _, once = np.unique(low * n + high, return_index=True)
    half = coo_matrix((distance[once], (low[once], high[once])), shape=(n, n)).tocsr()
    graph = (half + half.T).tocsr()
    graph.sort_indices()
    graph.indices, graph.indptr = graph.indices.astype(np.int32), graph.indptr.astype(np.int32)
    return graph


def _renumbered(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> Clustering:
    names: dict[int, int] = {}
    numbered = np.empty(len(labels), np.int64)
    for at, label in enumerate(labels.tolist()):
        name = label if label >= 0 else -1 - at
        numbered[at] = names.setdefault(name, len(names))
    return Clustering(numbered, np.where(labels < 0, 1.0, probabilities))


@dataclass(frozen=True, slots=True)
class Matched:
    """What became of cluster ids.

    `assignment` tells the cluster of every fingerprint, new and old; `merged` where ids that no longer stand for
    anything lead to; `split` which ids took over a part of one that goes on; `created` the new ids.
    """

    assignment: dict[str, str]
    merged: dict[str, str]
    split: dict[str, tuple[str, ...]]
    created: tuple[str, ...]


def match(previous: Mapping[str, str], labels: Mapping[str, int], new_id: Callable[[], str]) -> Matched:
    """Give the clusters of a new clustering the ids of old ones with which they share most fingerprints.

    `previous` maps fingerprints to cluster ids, `labels` fingerprints to new labels. An id goes to one cluster at most,
    so it never comes to stand for something else; an old id whose fingerprints all went to clusters with other ids is
    `merged` into the one that took most of them. Fingerprints that `labels` lacks stay with their id, or follow it
    where it was merged into. The outcome does not depend on the order of either mapping.
    """
    shared = Counter((previous[f], label) for f, label in labels.items() if f in previous)
    smallest: dict[int, str] = {}
    for name, label in labels.items():
        smallest[label] = min(name, smallest.get(label, name))
    by_overlap = sorted(shared, key=lambda pair: (-shared[pair], pair[0], smallest[pair[1]]))
    id_of: dict[int, str] = {}
    taken: set[str] = set()
    for old, label in by_overlap:
        if label not in id_of and old not in taken:
            id_of[label] = old
            taken.add(old)
    created = []
    for label in sorted(set(labels.values()) - set(id_of), key=lambda label: smallest[label]):
        id_of[label] = new_id()
        created.append(id_of[label])
    merged: dict[str, str] = {}
    parts: dict[str, list[str]] = {}
    for old, label in by_overlap:
        if old not in taken:
            merged.setdefault(old, id_of[label])
        elif id_of[label] != old:
            parts.setdefault(old, []).append(id_of[label])
    assignment = {name: merged.get(old, old) for name, old in previous.items()}
    assignment |= {name: id_of[label] for name, label in labels.items()}
    return Matched(assignment, merged, {old: tuple(ids) for old, ids in parts.items()}, tuple(created))

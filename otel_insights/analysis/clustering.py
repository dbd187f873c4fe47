"""Clusters of similar signatures, and the identity of clusters from one clustering to the next."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import HDBSCAN

from otel_insights.analysis.neighbours import Edges, connect, nearest

NEIGHBOURS = 10
MIN_CLUSTER_SIZE = 4
FREQUENT = 3
SAME_DISTANCE = 0.35
MAX_DISTANCE = 0.9
_FAR = 4.0  # twice the greatest distance of rows of unit length
_ZERO = 1e-6  # stands for no distance where a sparse matrix would take 0 for no edge


@dataclass(frozen=True, slots=True)
class Clustering:
    """`labels[i]` is the cluster of row i; what belongs to no other is a cluster of its own, so none is -1.

    `probabilities[i]` in 0..1 says how much row i belongs there: 1 for the core, and for clusters of one.
    """

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]


def adopted_blocks(texts: Sequence[str], blocks: Sequence[str], complete: Sequence[bool]) -> list[str]:
    """Return the blocks of signatures; incomplete ones take over the block of the complete one that they resemble.

    A cut stack does not tell where the failure was. If its type and message (what a text says before its first " | ")
    are known from one block only, it is taken to be there; if from several or none, it keeps its own.
    """
    known: dict[str, set[str]] = {}
    heads = [text.partition(" | ")[0] for text in texts]
    for head, block, whole in zip(heads, blocks, complete, strict=True):
        if whole:
            known.setdefault(head, set()).add(block)
    return [
        block if whole or len(known.get(head, ())) != 1 else next(iter(known[head]))
        for head, block, whole in zip(heads, blocks, complete, strict=True)
    ]


def cluster(
    vectors: NDArray[np.float32],
    counts: Sequence[int],
    *,
    blocks: Sequence[Hashable] | None = None,
    min_cluster_size: int = MIN_CLUSTER_SIZE,
    frequent: int = FREQUENT,
    same_distance: float = SAME_DISTANCE,
    max_distance: float | None = MAX_DISTANCE,
    neighbours: int = NEIGHBOURS,
) -> Clustering:
    """Cluster rows of unit length, each of which was seen `counts[i]` times.

    HDBSCAN (Campello, Moulavi, Sander 2013) on the graph of exact nearest neighbours. A row stands for as many points
    as it was seen, and for a whole cluster of `min_cluster_size` points once it was seen `frequent` times. Distances
    are Euclidean, 0..2.

    - Rows of different `blocks` never meet.
    - What is nearer than `same_distance` is one: the hierarchy has no levels below it (as in Malzer and Baum 2020).
    - Rare rows gather over edges up to `max_distance`, as messages do whose values were not recognised. What is
      frequent takes in only what is nearer than `same_distance`: it would hide a new failure that resembles it, and
      give it up again once that is frequent, too. None: no such limits, which is HDBSCAN as it is known.

    Labels are numbered by first appearance.
    """
    n = len(vectors)
    seen = np.maximum(np.asarray(counts, np.int64), 1)
    weights = np.where(seen >= frequent, min_cluster_size, np.minimum(seen, min_cluster_size))
    edges = nearest(vectors, max(neighbours, min_cluster_size), blocks)
    if max_distance is not None:
        rare = (seen < frequent)[np.stack((edges.a, edges.b))].all(0)
        edges = edges.where(edges.distance <= np.where(rare, max_distance, same_distance))
    elif blocks is None:
        edges = connect(vectors, edges)
    edges = _reachable(edges, weights, min_cluster_size)
    reach = np.where(edges.distance <= same_distance, _ZERO, edges.distance)
    edges, islands = _islands(Edges(edges.a, edges.b, reach), weights, min_cluster_size)
    labels, probabilities = np.full(n, -1, np.int64), np.ones(n)
    rows = np.flatnonzero(islands >= 0)
    if len(rows):
        small = Edges(np.searchsorted(rows, edges.a), np.searchsorted(rows, edges.b), edges.distance)
        found = _hdbscan(small, weights[rows], islands[rows], min_cluster_size, whole=max_distance is None)
        labels[rows], probabilities[rows] = found
    return _renumbered(labels, probabilities)


def _reachable(edges: Edges, weights: NDArray[np.int64], points: int) -> Edges:
    """Return the edges with their mutual reachability for distance, without those that reach too few points."""
    core = _core_distances(edges, weights, points)
    reach = np.maximum(edges.distance, np.maximum(core[edges.a], core[edges.b]))
    return Edges(edges.a, edges.b, reach).where(reach < _FAR)


def _islands(edges: Edges, weights: NDArray[np.int64], points: int) -> tuple[Edges, NDArray[np.int64]]:
    """Return each row's connected component, -1 for those of too few points or one row, and the edges of the others."""
    _, islands = connected_components(
        coo_matrix((np.ones(len(edges.a)), (edges.a, edges.b)), shape=(len(weights), len(weights))), directed=False
    )
    enough = (np.bincount(islands, weights) >= points) & (np.bincount(islands) > 1)
    return edges.where(enough[islands[edges.a]]), np.where(enough[islands], islands, -1)


def _hdbscan(
    edges: Edges, weights: NDArray[np.int64], islands: NDArray[np.int64], min_cluster_size: int, *, whole: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Run HDBSCAN on rows copied as often as they weigh; `whole` if the rows are one island and may all be noise."""
    n = len(weights)
    first = np.concatenate(([0], np.cumsum(weights)[:-1]))  # a row's first point; its copies follow
    points = int(weights.sum())
    copies = np.setdiff1d(np.arange(points), first)
    originals = np.repeat(np.arange(n), weights)[copies]
    nearby = np.full(n, _FAR)
    np.minimum.at(nearby, edges.a, edges.distance)
    np.minimum.at(nearby, edges.b, edges.distance)
    within = np.where(weights >= min_cluster_size, _ZERO, nearby)
    graph = Edges(first[edges.a], first[edges.b], edges.distance).plus(
        Edges(first[originals], copies, within[originals])
    )
    if not whole:
        # HDBSCAN never takes all points for one cluster, so an island of its own is put far from the others
        extra = np.arange(points, points + min_cluster_size)
        shores = np.concatenate((first[np.unique(islands, return_index=True)[1]], extra[:1]))
        graph = graph.plus(Edges(extra[:-1], extra[1:], np.full(len(extra) - 1, _ZERO)))
        graph = graph.plus(Edges(shores[:-1], shores[1:], np.full(len(shores) - 1, _FAR)))
        points += min_cluster_size
    # the distances are mutual reachabilities already: with one sample, HDBSCAN takes them as they are
    model = HDBSCAN(min_cluster_size=min_cluster_size, min_samples=1, metric="precomputed", copy=True)
    model.fit(_graph(points, graph))
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


def match(
    previous: Mapping[str, str],
    labels: Mapping[str, int],
    new_id: Callable[[], str],
    given: Mapping[int, str] = MappingProxyType({}),
) -> Matched:
    """Give the clusters of a new clustering the ids of old ones with which they share most fingerprints.

    `previous` maps fingerprints to cluster ids, `labels` fingerprints to new labels. An id goes to one cluster at most,
    so it never comes to stand for something else; an old id whose fingerprints all went to clusters with other ids is
    `merged` into the one that took most of them. Fingerprints that `labels` lacks stay with their id, or follow it
    where it was merged into. The outcome does not depend on the order of either mapping. `given` are ids that labels
    have whatever was before.
    """
    shared = Counter((previous[f], label) for f, label in labels.items() if f in previous)
    smallest: dict[int, str] = {}
    for name, label in labels.items():
        smallest[label] = min(name, smallest.get(label, name))
    by_overlap = sorted(shared, key=lambda pair: (-shared[pair], pair[0], smallest[pair[1]]))
    id_of = dict(given)
    taken = set(given.values())
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

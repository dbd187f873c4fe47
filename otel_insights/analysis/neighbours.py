"""The graph of nearest neighbours among rows of unit length: exact, by blocked matrix products."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

_ROWS = 512  # of one matrix product; bounds memory to _ROWS x rows


@dataclass(frozen=True, slots=True)
class Edges:
    """Undirected edges `a[i]` - `b[i]` with Euclidean `distance[i]`, each at least once in either direction."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    distance: NDArray[np.float64]

    def plus(self, other: "Edges") -> "Edges":
        """Return these edges and those."""
        return Edges(
            np.concatenate((self.a, other.a)),
            np.concatenate((self.b, other.b)),
            np.concatenate((self.distance, other.distance)),
        )

    def where(self, keep: NDArray[np.bool_]) -> "Edges":
        """Return the edges for which `keep` is true."""
        return Edges(self.a[keep], self.b[keep], self.distance[keep])


def nearest(rows: NDArray[np.float32], k: int, blocks: Sequence[Hashable] | None = None) -> Edges:
    """Return edges from every row to its `k` nearest (fewer when there are fewer) among the rows of its block."""
    parts = [_nearest(rows, members, k) for members in _members(len(rows), blocks) if len(members) > 1]
    if not parts:
        return Edges(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    return Edges(*(np.concatenate(columns) for columns in zip(*((p.a, p.b, p.distance) for p in parts), strict=True)))


def _members(n: int, blocks: Sequence[Hashable] | None) -> list[NDArray[np.int64]]:
    if blocks is None:
        return [np.arange(n)]
    found: dict[Hashable, list[int]] = {}
    for at, block in enumerate(blocks):
        found.setdefault(block, []).append(at)
    return [np.asarray(one) for one in found.values()]


def _nearest(rows: NDArray[np.float32], members: NDArray[np.int64], k: int) -> Edges:
    mine = rows[members]
    n, k = len(mine), min(k, len(mine) - 1)
    others = np.ascontiguousarray(mine.T)
    to, distances = np.empty((n, k), np.int64), np.empty((n, k))
    for start in range(0, n, _ROWS):
        similarity = mine[start : start + _ROWS] @ others
        size = len(similarity)
        similarity[np.arange(size), np.arange(start, start + size)] = -np.inf  # not itself
        columns = np.argpartition(similarity, n - k, axis=1)[:, n - k :]
        to[start : start + size] = columns
        distances[start : start + size] = _distance(np.take_along_axis(similarity, columns, 1))
    return Edges(np.repeat(members, k), members[to.ravel()], distances.ravel())


def _distance(similarity: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.sqrt(np.maximum(0.0, 2.0 - 2.0 * similarity.astype(np.float64)))


def connect(rows: NDArray[np.float32], edges: Edges) -> Edges:
    """Add the shortest edges between components until there is one (Boruvka), so that a spanning tree is exact."""
    n = len(rows)
    count, component = _components(n, edges)
    while count > 1:
        shortest = _shortest_out(rows, component)
        edges = edges.plus(shortest)
        count, component = _components(n, edges)
    return edges


def _components(n: int, edges: Edges) -> tuple[int, NDArray[np.int32]]:
    graph = coo_matrix((np.ones(len(edges.a), np.int8), (edges.a, edges.b)), shape=(n, n))
    count, component = connected_components(graph, directed=False)
    return int(count), component


def _shortest_out(rows: NDArray[np.float32], component: NDArray[np.int32]) -> Edges:
    """Return the shortest edge that leaves each component, but for the largest: the others reach it."""
    todo = np.flatnonzero(component != np.bincount(component).argmax())
    others = np.ascontiguousarray(rows.T)
    to, distance = np.empty(len(todo), np.int64), np.empty(len(todo))
    for start in range(0, len(todo), _ROWS):
        part = todo[start : start + _ROWS]
        similarity = rows[part] @ others
        similarity[component[part][:, None] == component[None, :]] = -np.inf
        best = similarity.argmax(1)
        to[start : start + len(part)] = best
        distance[start : start + len(part)] = _distance(similarity[np.arange(len(part)), best])
    order = np.lexsort((todo, distance))
    _, first = np.unique(component[todo][order], return_index=True)
    chosen = order[first]
    return Edges(todo[chosen], to[chosen], distance[chosen])

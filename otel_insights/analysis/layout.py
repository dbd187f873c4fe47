"""Texts on a plane: the more alike two are, the nearer they lie, and no two lie on each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis.embedding import embed

_ROUNDS = 120
_GAP = 0.004


def lay_out(texts: Sequence[str], radii: Sequence[float], seed: int = 0) -> NDArray[np.float64]:
    """Place circles of these radii in the square from 0 to 1, one row (x, y) for each text.

    Classical scaling of the embedding (Torgerson 1952, Psychometrika 17:401), stretched by ranks over the square so
    that one outlier does not push all others into a corner; then circles that touch are pushed apart. What is near is
    alike; how far apart far things lie says little. The same texts give the same places.

    >>> lay_out([], []).shape
    (0, 2)
    """
    if not texts:
        return np.zeros((0, 2))
    size = np.asarray(radii, dtype=np.float64)
    edge = float(size.max())
    places: NDArray[np.float64] = edge + (1 - 2 * edge) * _spread(_scaled(embed(texts, seed=seed).astype(np.float64)))
    rng = np.random.default_rng(seed)
    for _ in range(_ROUNDS):
        if not _part(places, size):
            break
        places += rng.normal(0, 1e-4, places.shape)  # what lies in one place has no direction to part in
        np.clip(places, size[:, None], 1 - size[:, None], out=places)
    return places


def _scaled(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keep the two directions in which the rows differ most; their signs are settled, since they mean nothing."""
    centred = rows - rows.mean(axis=0)
    _, values, directions = np.linalg.svd(centred, full_matrices=False)
    found = np.zeros((len(rows), 2))
    for place in range(min(2, len(values))):
        direction = directions[place]
        sign = 1.0 if direction[np.argmax(np.abs(direction))] >= 0 else -1.0
        found[:, place] = centred @ direction * sign
    return found


def _spread(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mix each coordinate with its rank, half and half, over 0 to 1."""
    low, span = places.min(axis=0), np.ptp(places, axis=0)
    straight = (places - low) / np.where(span > 0, span, 1)
    ranks = places.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable") / max(1, len(places) - 1)
    mixed: NDArray[np.float64] = (straight + ranks) / 2
    return mixed


def _part(places: NDArray[np.float64], size: NDArray[np.float64]) -> bool:
    """Push circles that touch apart, in place. False: none did."""
    away = places[:, None, :] - places[None, :, :]
    distance = np.linalg.norm(away, axis=2)
    np.fill_diagonal(distance, np.inf)
    overlap = np.maximum(size[:, None] + size[None, :] + _GAP - distance, 0)
    if not overlap.any():
        return False
    unit = away / np.maximum(distance, 1e-9)[:, :, None]
    places += (unit * overlap[:, :, None]).sum(axis=1) * 0.45
    return True

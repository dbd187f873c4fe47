"""Clustering 5,000 signatures, beside the package hdbscan on the same vectors; and up to 50,000."""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import hdbscan
import numpy as np
from sklearn.metrics import adjusted_rand_score

from benchmarks.tables import Ratio, show
from otel_insights.analysis.clustering import cluster
from otel_insights.analysis.embedding import embed

_SIGNATURES = 5000
_WORDINGS = 10
"""Signatures of one kind: the same failure in other words."""
_SIZES = (20_000, 50_000)
_MIN_CLUSTER_SIZE = 4
_ROUNDS = 3


def clusterings() -> None:
    """Compare CPU time and result with hdbscan's own `prims`, and show how ours grows."""
    texts, kinds = _signatures(random.Random(5), _SIGNATURES)
    vectors, once = embed(texts), np.ones(len(texts), np.int64)
    found: dict[str, Any] = {}
    taken: dict[str, list[float]] = {"embed": [], "known": [], "ours": [], "prims": []}
    plain = {"same_distance": 0, "max_distance": None, "frequent": _MIN_CLUSTER_SIZE}
    ways: dict[str, Callable[[], Any]] = {
        "embed": lambda: embed(texts),
        "known": lambda: cluster(vectors, once, min_cluster_size=_MIN_CLUSTER_SIZE, **plain),  # type: ignore[arg-type]
        "ours": lambda: cluster(vectors, once, blocks=kinds, min_cluster_size=_MIN_CLUSTER_SIZE),
        "prims": lambda: _prims(vectors),
    }
    for _ in range(_ROUNDS):
        for name, way in ways.items():
            found[name], seconds = _seconds(way)
            taken[name].append(seconds)
    kept = found["prims"] >= 0
    agreement = adjusted_rand_score(found["prims"][kept], found["known"].labels[kept])
    rows = [
        ["HDBSCAN as it is known", str(Ratio.of(taken["known"], taken["prims"])), f"{agreement:.3f}"],
        ["as we use it: within blocks", str(Ratio.of(taken["ours"], taken["prims"])), ""],
        ["embedding, for comparison", str(Ratio.of(taken["embed"], taken["prims"])), ""],
    ]
    head = ("clustering", "CPU time in multiples of hdbscan's prims", "ARI with it")
    notes = (
        f"{_SIGNATURES:,} signatures, no two the same, {_WORDINGS} of a kind; median (spread) of {_ROUNDS} runs.",
        f"ARI over the {kept.mean():.0%} of signatures that hdbscan does not call noise; our labels know no noise.",
    )
    show("Clustering", head, rows, *notes)
    _growth(float(np.median(taken["ours"])), float(np.median(taken["embed"])))


def _growth(clustered: float, embedded: float) -> None:
    rows = []
    for size in _SIZES:
        texts, kinds = _signatures(random.Random(5), size)
        vectors, embedding = _seconds(partial(embed, texts))
        once = np.ones(size, np.int64)
        _, seconds = _seconds(partial(cluster, vectors, once, blocks=kinds, min_cluster_size=_MIN_CLUSTER_SIZE))
        rows.append([f"{size:,}", f"{embedding / embedded:.1f}", f"{seconds / clustered:.1f}"])
    head = ("signatures", "embedding", "clustering within blocks")
    show("Clustering: growth", head, rows, f"CPU time in multiples of that for {_SIGNATURES:,}, one run each.")


def _prims(vectors: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hdbscan.HDBSCAN(
            min_cluster_size=_MIN_CLUSTER_SIZE, algorithm="prims_kdtree", cluster_selection_method="eom"
        ).fit_predict(np.asarray(vectors, np.float64))


def _seconds(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    done = work()
    return done, time.process_time() - began


def _signatures(rng: random.Random, size: int) -> tuple[list[str], list[int]]:
    """Normalised texts of kinds of failures, each in several wordings, no two the same; and the kind of each."""
    count = size // _WORDINGS
    failures = [
        [
            f"{_word(rng).title()}Error:",
            *(_word(rng) for _ in range(rng.randrange(4, 10))),
            "|",
            f"{_word(rng)}.{_word(rng)}",
        ]
        for _ in range(count)
    ]
    values = [_word(rng) for _ in range(300)]
    found: dict[str, int] = {}
    while len(found) < size:
        kind = len(found) % count
        words = failures[kind].copy()
        for _ in range(rng.randrange(3)):
            words[rng.randrange(len(words) - 2)] = rng.choice(values)
        words += rng.sample(values, rng.randrange(2))
        found.setdefault(" ".join(words), kind)
    return list(found), list(found.values())


def _word(rng: random.Random) -> str:
    return "".join(rng.choice("bcdfglmnprstvz") + rng.choice("aeiou") for _ in range(rng.randrange(2, 5)))

"""Clustering 5,000 signatures, beside the package hdbscan on the same vectors."""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Callable
from typing import Any

import hdbscan
import numpy as np
from sklearn.metrics import adjusted_rand_score

from benchmarks.failures import failures
from benchmarks.tables import Ratio, show
from otel_insights.analysis.clustering import cluster
from otel_insights.analysis.embedding import embed
from otel_insights.analysis.fingerprint import fingerprint

_SIGNATURES = 5000
_KINDS = 500
_MIN_CLUSTER_SIZE = 4
_ROUNDS = 3


def clusterings() -> None:
    """Compare CPU time and result: `cluster` as HDBSCAN is known (without our limits) with hdbscan's own `prims`."""
    texts = _texts(random.Random(5))
    embedding = [_seconds(lambda: embed(texts))[1] for _ in range(_ROUNDS)]
    vectors = embed(texts)
    once = np.ones(len(texts), np.int64)
    found: dict[str, Any] = {}
    taken: dict[str, list[float]] = {"known": [], "ours": [], "prims": []}
    ways: dict[str, Callable[[], Any]] = {
        "known": lambda: cluster(vectors, once, min_cluster_size=_MIN_CLUSTER_SIZE, same_distance=0, max_distance=None),
        "ours": lambda: cluster(vectors, once, min_cluster_size=_MIN_CLUSTER_SIZE),
        "prims": lambda: _prims(vectors),
    }
    for _ in range(_ROUNDS):
        for name, way in ways.items():
            found[name], seconds = _seconds(way)
            taken[name].append(seconds)
    kept = found["prims"] >= 0
    rows = [
        [
            label,
            str(Ratio.of(taken[name], taken["prims"])),
            f"{_agreement(found[name].labels, found['prims'], kept):.3f}",
        ]
        for label, name in (("HDBSCAN as it is known", "known"), ("with our limits (the default)", "ours"))
    ]
    rows.append(["embedding, for comparison", str(Ratio.of(embedding, taken["prims"])), ""])
    head = ("clustering", "CPU time in multiples of hdbscan's prims", "ARI with it")
    notes = (
        f"{_SIGNATURES:,} signatures of {_KINDS} kinds; median (spread of {_ROUNDS} runs), all threads counted.",
        f"ARI over the {kept.mean():.0%} of signatures that hdbscan does not call noise; our labels know no noise.",
    )
    show("Clustering", head, rows, *notes)


def _prims(vectors: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hdbscan.HDBSCAN(
            min_cluster_size=_MIN_CLUSTER_SIZE, algorithm="prims_kdtree", cluster_selection_method="eom"
        ).fit_predict(np.asarray(vectors, np.float64))


def _agreement(ours: Any, theirs: Any, kept: Any) -> float:
    return float(adjusted_rand_score(theirs[kept], ours[kept]))


def _seconds(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    done = work()
    return done, time.process_time() - began


def _texts(rng: random.Random) -> list[str]:
    """Normalised texts of kinds of failures, each in several wordings."""
    kinds = [fingerprint(one.type, one.message, one.stacktrace).text for one in failures(rng, _KINDS)]
    extra = ("while", "handling", "after", "before", "during", "retry", "attempt", "request", "batch", "field", "value")
    return [
        f"{kinds[number % _KINDS]} {' '.join(rng.choice(extra) for _ in range(rng.randrange(3)))}".strip()
        for number in range(_SIGNATURES)
    ]

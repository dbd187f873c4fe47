"""From scored columns to findings: conditions that select the same environments become one finding with aliases."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis.columns import Columns, Conditions
from otel_insights.analysis.search import Candidate

_ALIASES = 8
_FINDINGS = 6
_WAYS = 6  # hypotheses of each half of a pair that are combined
_OVERLAP = 0.5  # Jaccard; from here on the same keys say the same again
_MARGIN = 5.0  # nats below the best, from which a rival is no rival any more


@dataclass(frozen=True, slots=True)
class Finding:
    """One set of environments that stands out, and the conditions that select it."""

    conditions: Conditions
    aliases: tuple[Conditions, ...]
    p_value: float
    selected: NDArray[np.bool_]
    score: float


def choose(candidates: Sequence[Candidate], columns: Columns, p_values: Mapping[Candidate, float]) -> list[Finding]:
    """Return the distinct findings among the candidates (best first), each with its aliases by likelihood.

    A candidate with the keys of a better one and much the same environments is dropped.
    """
    groups: dict[bytes, list[Candidate]] = {}
    for candidate in candidates:
        if _is_redundant(candidate, columns):
            continue
        groups.setdefault(np.packbits(_selected(candidate, columns)).tobytes(), []).append(candidate)
    out: list[Finding] = []
    taken: list[tuple[frozenset[str], NDArray[np.bool_]]] = []
    for alike in groups.values():
        if alike[0].score < candidates[0].score - _MARGIN or len(out) == _FINDINGS:
            break
        selected = _selected(alike[0], columns)
        ways = [w for w in _distinct(alike, columns) if not _repeats(w, selected, taken)]
        if not ways:
            continue
        taken += [(_keys(w), selected) for w in ways[:1]]
        out.append(Finding(ways[0], tuple(ways[1 : 1 + _ALIASES]), p_values[alike[0]], selected, alike[0].score))
    return out


def _selected(candidate: Candidate, columns: Columns) -> NDArray[np.bool_]:
    return np.asarray(columns.matrix[:, list(candidate.columns)].all(axis=1))


def _is_redundant(candidate: Candidate, columns: Columns) -> bool:
    """Tell whether one half of a pair selects by itself what both do."""
    size = _selected(candidate, columns).sum()
    return len(candidate.columns) > 1 and any(columns.matrix[:, j].sum() == size for j in candidate.columns)


def _distinct(alike: Sequence[Candidate], columns: Columns) -> list[Conditions]:
    """One way to say it for each set of keys: few keys first, then likely ones."""
    ways = sorted((w for c in alike for w in _ways(c, columns)), key=lambda w: (len(_keys(w[1])), -w[0]))
    best: dict[frozenset[str], Conditions] = {}
    for _, conditions in ways:
        best.setdefault(_keys(conditions), conditions)
    return list(best.values())


def _ways(candidate: Candidate, columns: Columns) -> Iterator[tuple[float, Conditions]]:
    halves = [columns.hypotheses[j][: _WAYS if len(candidate.columns) > 1 else None] for j in candidate.columns]
    for combination in product(*halves):
        merged = dict.fromkeys(c for _, conditions in combination for c in conditions)
        yield sum(weight for weight, _ in combination), tuple(sorted(merged, key=lambda c: c.key != "service.name"))


def _keys(conditions: Conditions) -> frozenset[str]:
    return frozenset(c.key for c in conditions) - {"service.name"}


def _repeats(
    conditions: Conditions, selected: NDArray[np.bool_], taken: Sequence[tuple[frozenset[str], NDArray[np.bool_]]]
) -> bool:
    return any(
        keys == _keys(conditions) and (selected & other).sum() >= _OVERLAP * (selected | other).sum()
        for keys, other in taken
    )

"""How near a new text is to known ones, without scikit-learn: the distances of `embedding`, for a few texts at once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

SAME_SIMILARITY: Final = 1 - 0.35**2 / 2
"""The dot product at the distance below which clustering takes two texts for one (`clustering.SAME_DISTANCE`)."""

_LONGEST = 600  # as `embedding`
_NGRAMS = (2, 3, 4)


def nearest(text: str, known: Iterable[tuple[str, str]], least: float = SAME_SIMILARITY) -> tuple[str, float] | None:
    """Give the cluster of the nearest of known texts, (text, cluster), with the similarity; None if all are too far.

    >>> nearest("Error: no route to the host given", [("Error: no route to the hosts given", "c")])[0]
    'c'
    >>> nearest("Error: no route to the host given", [("Error: disk full", "c")]) is None
    True
    """
    row = frequencies(text)
    found: tuple[str, float] | None = None
    for other, cluster in known:
        similarity = dot(row, frequencies(other))
        if similarity >= least and (found is None or similarity > found[1]):
            found = (cluster, similarity)
    return found


@lru_cache(maxsize=1024)
def frequencies(text: str) -> Mapping[str, float]:
    """Weigh a text's n-grams by the logarithm of their number, to unit length: a row before its reduction by SVD."""
    grams: list[str] = []
    for word in f"^ {text[:_LONGEST]}".lower().split():
        padded = f" {word} "
        for n in _NGRAMS:
            grams += [padded[at : at + n] for at in range(max(1, len(padded) - n + 1))]
            if len(padded) <= n:
                break  # a word is counted whole once
    weights = {gram: 1 + math.log(count) for gram, count in Counter(grams).items()}
    length = math.sqrt(sum(weight * weight for weight in weights.values()))
    return {gram: weight / length for gram, weight in weights.items()}


def dot(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Give the dot product of two rows."""
    if len(other) < len(one):
        one, other = other, one
    return sum(weight * other[gram] for gram, weight in one.items() if gram in other)

"""Signatures as vectors: frequencies of character n-grams, reduced by a truncated SVD.

Weighted by term frequency only. The inverse document frequency of TF-IDF makes rare words, which are often values,
count most, and makes every distance depend on what else was seen; without it groups were better on every labelled set,
and two texts are as far from each other today as next month.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

DIMENSIONS = 192
_LONGEST = 600  # characters of a text
_MOST_FEATURES = 2**17


def embed(
    texts: Sequence[str], *, dimensions: int = DIMENSIONS, ngrams: tuple[int, int] = (2, 4), seed: int = 0
) -> NDArray[np.float32]:
    """Return one row of unit length for each text; the nearer two texts, the greater their rows' dot product.

    Compare rows of one call only: each call has its own columns, at most `dimensions`. The order of the texts does not
    matter, and equal texts have equal rows. Up to `dimensions` distinct texts, distances are exact.
    """
    distinct = sorted(set(texts))
    if not distinct:
        return np.zeros((0, 1), np.float32)
    vectorizer = TfidfVectorizer(
        analyzer="char_wb",
        ngram_range=ngrams,
        max_features=_MOST_FEATURES,
        sublinear_tf=True,
        use_idf=False,
        dtype=np.float32,
        lowercase=True,
    )
    # a word of its own keeps the vocabulary from being empty
    weights = vectorizer.fit_transform([f"^ {text[:_LONGEST]}" for text in distinct])
    most = min(weights.shape) - 1
    if most > dimensions:
        reduced = TruncatedSVD(dimensions, n_iter=4, random_state=seed).fit_transform(weights)
    else:
        reduced = weights.toarray() if weights.shape[1] <= dimensions else _exactly(weights.toarray())
    lengths = np.linalg.norm(reduced, axis=1, keepdims=True)
    rows: NDArray[np.float32] = (reduced / np.maximum(lengths, 1e-12)).astype(np.float32)
    at = {text: position for position, text in enumerate(distinct)}
    return rows.take([at[text] for text in texts], axis=0)


def _exactly(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reduce few rows to as many columns without changing a distance: their Gram matrix is small."""
    values, vectors = np.linalg.eigh((weights @ weights.T).astype(np.float64))
    coordinates: NDArray[np.float32] = (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float32)
    return coordinates

"""Texts as vectors."""

import numpy as np
import pytest

from otel_insights.analysis.embedding import embed

TEXTS = [
    f"{kind}: {what} failed" for kind in ("KeyError", "OSError", "ValueError") for what in ("cart", "stock", "login")
]


@pytest.mark.parametrize("n", [1, 2, 3, 9])
def test_rows_have_unit_length_however_few_there_are(n):
    rows = embed(TEXTS[:n])
    assert rows.shape[0] == n
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_rows():
    assert embed([]).shape[0] == 0


def test_empty_and_odd_texts_are_texts():
    assert embed(["", "", "🦆", "\x00"]).shape[0] == 4


def test_similar_texts_are_nearer():
    a, b, c = embed(["KeyError: no price for cart", "KeyError: no price for card", "OSError: disk is full"])
    assert a @ b > a @ c


def test_equal_texts_have_equal_rows_and_order_does_not_matter():
    rows = embed([*TEXTS, TEXTS[0]])
    assert (rows[0] == rows[-1]).all()
    backwards = embed([TEXTS[0], *TEXTS[::-1]])
    assert np.allclose(rows[:-1], backwards[1:][::-1])


def test_many_texts_have_few_columns_and_the_same_rows_every_time():
    texts = [f"Error {i:x} in module {i % 7} of {'abcdefgh'[i % 8] * 3}" for i in range(400)]
    rows = embed(texts, dimensions=32)
    assert rows.shape == (400, 32)
    assert (rows == embed(texts, dimensions=32)).all()


def test_what_else_was_seen_does_not_change_distances():
    few, many = embed(TEXTS[:2]), embed(TEXTS)
    assert few[0] @ few[1] == pytest.approx(many[0] @ many[1], abs=1e-4)

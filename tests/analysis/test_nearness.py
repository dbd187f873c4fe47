"""Texts compared without scikit-learn, and what is made of it: newcomers, relatives, pins, rules."""

import time

import numpy as np
import pytest

from otel_insights.analysis.clustering import SAME_DISTANCE
from otel_insights.analysis.embedding import embed
from otel_insights.analysis.grouping import Signature, group
from otel_insights.analysis.nearness import SAME_SIMILARITY, dot, frequencies
from otel_insights.analysis.rules import Rule

TEXTS = [
    "ValueError: no card can be charged <n> cents",
    "ValueError: no card can be charged <n> cents | raise ValueError(amount)",
    "KeyError: <q> | return prices[item]",
    "E: a bb ccc dddd",
    "",
    "Ünïcode: naïve   spaces\tand ÄÖÜ " * 40,
]


def test_nearness_is_the_distance_of_the_clustering():
    rows = embed(TEXTS)
    mine = [[dot(frequencies(one), frequencies(other)) for other in TEXTS] for one in TEXTS]
    np.testing.assert_allclose(mine, rows @ rows.T, atol=1e-5)
    assert SAME_SIMILARITY == 1 - SAME_DISTANCE**2 / 2


def signature(name: str, text: str, count: float = 5.0, was: str | None = None, **more) -> Signature:
    return Signature(name, "E", text, text, "block", True, count, was, **more)


def test_relatives_are_shown_with_how_similar_they_are():
    found = group(
        "",
        [
            signature("a", "ValueError: the card was declined by its bank"),
            signature("b", "ValueError: the card was declined by the bank of its owner"),
            signature("c", "ValueError: nothing of this kind"),
            signature("d", "KeyError: the card was declined by its bank"),
        ],
    )
    ids = {name: member[0] for name, member in found.members.items()}
    ((other, similarity),) = found.similar[ids["a"]]
    assert other == ids["b"]
    assert 0.6 <= similarity < 1
    assert ids["c"] not in found.similar
    assert ids["d"] not in found.similar, "another type"


def test_what_is_new_beside_a_pinned_signature_goes_with_it_and_beside_two_with_the_nearer():
    near = [
        "Error: no route to the host given",
        "Error: no route to the hosts given",
        "Error: no route to the host givens",
    ]
    together = group("", [signature("a", near[0]), signature("b", near[1]), signature("c", near[2])])
    assert len({member[0] for member in together.members.values()}) == 1
    apart = group(
        "",
        [
            signature("a", near[0], was="A", pinned_to="A"),
            signature("b", near[1]),
            signature("c", near[2], was="B", pinned_to="B"),
        ],
    )
    assert [apart.members[name][0] for name in "abc"] == ["A", "A", "B"]


def test_clusters_that_rules_have_emptied_lead_to_where_their_failures_went():
    found = group(
        "",
        [
            signature("a", "Error: one", was="A"),
            signature("b", "Error: something else", was="B", pinned_to="A", by_rule=True),
        ],
    )
    assert {name: member[0] for name, member in found.members.items()} == {"a": "A", "b": "A"}
    assert found.merged == {"B": "A"}


def test_no_new_cluster_gets_an_id_that_folded_fingerprints_hold():
    (first,) = group("", [signature("a", "Error: one")]).created
    (second,) = group("", [signature("a", "Error: one")], taken=[first.id]).created
    assert first.id != second.id


@pytest.mark.parametrize("pattern", ["*a" * 100, "*?" * 100, "[" * 300, "*[!a]*" * 40, "(a+)+$", "**" * 150])
def test_no_pattern_takes_long(pattern):
    began = time.process_time()
    Rule(message=pattern).matches("", "a" * 100_000, "")
    assert time.process_time() - began < 5, "one that backtracks takes for ever"


def test_a_rule_of_several_patterns_needs_all_of_them():
    stack = 'Traceback (most recent call last):\n  File "/srv/shop/pay.py", line 3, in charge\n    go()\nE: no card'
    assert Rule("E", "no*", "shop.pay.charge").matches("E", "no card", stack)
    assert Rule(frame="*/shop/pay.py").matches("E", "no card", stack)
    assert not Rule("F", "no*", "shop.pay.charge").matches("E", "no card", stack)
    assert Rule(exception_type="Declined").matches("bank.errors.Declined", "", "")

"""Clusters, and what their ids mean from one clustering to the next."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_insights.analysis.clustering import adopted_blocks, cluster, match
from otel_insights.analysis.embedding import embed

NOISY = [
    f"ParserError: Unknown string format: {word}"
    for word in ("tbd lxk", "next qa", "tbd wny", "q3 rrz", "q1 tniz", "soon ab")
]
OTHERS = ["IntegrityError: UNIQUE constraint failed: customers.email", "KeyError: <q> | return prices[item]"]


def groups(texts, counts, **how):
    labels = cluster(embed(texts), counts, **how).labels
    return [
        sorted(text for text, other in zip(texts, labels, strict=True) if other == label)
        for label in sorted(set(labels))
    ]


def unit(*rows):
    array = np.asarray(rows, np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_rows_have_labels(n):
    result = cluster(embed(OTHERS + NOISY)[:n], [1] * n)
    assert len(result.labels) == len(result.probabilities) == n
    assert (result.labels >= 0).all()


def test_what_belongs_to_no_other_is_a_cluster_of_its_own():
    assert len(groups(OTHERS, [1, 1])) == 2


def test_rare_wordings_gather():
    assert groups(NOISY + OTHERS, [1] * len(NOISY) + [50, 50]) == [sorted(NOISY), [OTHERS[0]], [OTHERS[1]]]


def test_a_single_cluster_is_found_too():
    assert groups(NOISY, [1] * len(NOISY)) == [sorted(NOISY)]


def test_what_is_frequent_does_not_absorb_a_new_failure_that_resembles_it():
    texts = [OTHERS[0], OTHERS[0].replace("UNIQUE", "NOT NULL")]
    assert len(groups(texts, [500, 1])) == 2


def test_what_is_hardly_different_is_one_however_often_it_was_seen():
    texts = ["Error: no route to the host given", "Error: no route to the hosts given"]
    assert len(groups(texts, [1, 500])) == len(groups(texts, [500, 500])) == 1


def test_blocks_never_meet():
    assert len(groups(NOISY, [1] * 6, blocks=list("abcdef"))) == 6
    halves = groups(NOISY + [f"{text} x" for text in NOISY], [1] * 12, blocks=["a"] * 6 + ["b"] * 6)
    assert all(len({text.endswith(" x") for text in group}) == 1 for group in halves)


def test_probabilities_say_how_much_a_row_belongs():
    result = cluster(embed(NOISY + OTHERS), [1] * len(NOISY) + [50, 50])
    assert ((result.probabilities > 0) & (result.probabilities <= 1)).all()
    assert result.probabilities[-1] == 1


def test_the_order_of_rows_names_clusters_and_does_not_change_them():
    texts, counts = NOISY + OTHERS, [1, 2, 1, 1, 1, 2, 9, 50]
    order = [5, 7, 0, 3, 6, 2, 4, 1]
    backwards = groups([texts[i] for i in order], [counts[i] for i in order])
    assert sorted(groups(texts, counts)) == sorted(backwards)


def test_without_limits_it_is_hdbscan():
    from hdbscan import HDBSCAN
    from sklearn.metrics import adjusted_rand_score

    rng = np.random.default_rng(5)
    centres = rng.normal(size=(12, 16))
    rows = np.repeat(centres, 25, axis=0) + rng.normal(scale=0.25, size=(300, 16))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    ours = cluster(rows, [1] * 300, min_cluster_size=4, frequent=4, same_distance=0.0, max_distance=None)
    theirs = HDBSCAN(min_cluster_size=4, min_samples=3).fit_predict(rows.astype(np.float64))
    theirs[theirs < 0] = np.arange(1000, 1000 + (theirs < 0).sum())
    assert adjusted_rand_score(theirs, ours.labels) > 0.99


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(NOISY + OTHERS), st.integers(1, 6), st.sampled_from("ab")), max_size=25))
def test_any_counts_and_blocks_give_labels_within_blocks(rows):
    texts, counts, blocks = zip(*rows, strict=True) if rows else ((), (), ())
    labels = cluster(embed(texts), counts, blocks=blocks).labels
    assert len({(label, block) for label, block in zip(labels, blocks, strict=True)}) == len(set(labels.tolist()))


def test_incomplete_signatures_go_where_their_message_is_known_from():
    texts = ["E: a | line", "E: a", "E: b", "E: b | x", "E: b | y", "E: c"]
    whole = [True, False, False, True, True, False]
    assert adopted_blocks(texts, list("123456"), whole) == ["1", "1", "3", "4", "5", "6"]


class Ids:
    def __init__(self):
        self.numbers = itertools.count(1)

    def __call__(self):
        return f"new{next(self.numbers)}"


def test_the_first_clustering_creates_ids():
    result = match({}, {"a": 0, "b": 0, "c": 1}, Ids())
    assert result.assignment == {"a": "new1", "b": "new1", "c": "new2"}
    assert result.created == ("new1", "new2")


def test_ids_stay_with_most_of_their_fingerprints():
    previous = {"a": "X", "b": "X", "c": "Y"}
    assert match(previous, {"a": 7, "b": 7, "d": 7, "c": 3}, Ids()).assignment == previous | {"d": "X"}


def test_what_comes_together_is_merged_into_the_larger():
    result = match({"a": "X", "b": "X", "c": "Y"}, {"a": 0, "b": 0, "c": 0}, Ids())
    assert set(result.assignment.values()) == {"X"}
    assert result.merged == {"Y": "X"}


def test_what_comes_apart_keeps_its_id_where_most_of_it_is():
    result = match({"a": "X", "b": "X", "c": "X"}, {"a": 0, "b": 0, "c": 1}, Ids())
    assert result.assignment == {"a": "X", "b": "X", "c": "new1"}
    assert (result.split, result.created) == ({"X": ("new1",)}, ("new1",))


def test_what_was_not_seen_again_keeps_its_id_or_follows_it():
    result = match({"a": "X", "b": "Y", "c": "Y", "z": "Y", "q": "Q"}, {"a": 0, "b": 0, "d": 0, "e": 0}, Ids())
    assert result.assignment["q"] == "Q"
    assert result.merged == {"Y": "X"}
    assert result.assignment["z"] == "X"


clusterings = st.dictionaries(st.sampled_from("abcdefghij"), st.integers(0, 4))


@settings(max_examples=200, deadline=None)
@given(clusterings, clusterings, st.randoms())
def test_matching_does_not_depend_on_order_and_gives_an_id_to_one_cluster_only(old, labels, random):
    previous = {name: f"old{label}" for name, label in old.items()}
    result = match(previous, labels, Ids())
    assert set(result.assignment) == set(previous) | set(labels)
    for label in set(labels.values()):
        assert len({result.assignment[name] for name in labels if labels[name] == label}) == 1
    assert len({result.assignment[name] for name in labels}) == len(set(labels.values()))
    assert not set(result.merged) & set(result.assignment.values())
    shuffled = list(labels.items())
    random.shuffle(shuffled)
    assert match(dict(reversed(previous.items())), dict(shuffled), Ids()) == result

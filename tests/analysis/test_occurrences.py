"""Which observations of a trace are records of one raise."""

from otel_insights.analysis.fingerprint import Fingerprint, fingerprint
from otel_insights.analysis.occurrences import kept_keys, same_raise, sought_keys, takes_over

INNER = """Traceback (most recent call last):
  File "/app/shop/cart.py", line 12, in total
    return prices[item]
KeyError: 'id'
"""
OUTER = INNER.replace(
    "last):\n", 'last):\n  File "/app/shop/web.py", line 5, in checkout\n    total = cart.total()\n', 1
)
ELSEWHERE = INNER.replace("line 12, in total", "line 40, in discount")


def seen(stack: str, message: str = "'id'", kind: str = "KeyError") -> Fingerprint:
    return fingerprint(kind, message, stack)


def are_same(one: Fingerprint, other: Fingerprint) -> bool:
    forth = same_raise(one.raise_keys, other.raise_keys, one_complete=one.complete, other_complete=other.complete)
    back = same_raise(other.raise_keys, one.raise_keys, one_complete=other.complete, other_complete=one.complete)
    assert forth == back
    return forth


def test_spans_around_one_another_record_one_raise():
    assert are_same(seen(INNER), seen(OUTER))


def test_the_log_of_a_handler_records_the_raise_of_its_span_though_it_quotes_the_argument_only():
    assert are_same(seen(OUTER), seen(OUTER, message="id"))


def test_the_same_words_from_two_places_are_two_raises():
    assert not are_same(seen(INNER), seen(ELSEWHERE))


def test_two_values_from_one_place_are_two_raises():
    assert not are_same(seen(INNER), seen(INNER.replace("'id'", "'sku'"), message="'sku'"))


def test_an_exception_raised_from_another_is_a_record_of_the_same_raise():
    wrapped = INNER + (
        "\nThe above exception was the direct cause of the following exception:\n\n"
        'Traceback (most recent call last):\n  File "/app/shop/web.py", line 5, in checkout\n'
        "    raise Bad from e\nBad: no\n"
    )
    assert are_same(seen(INNER), seen(wrapped, message="no", kind="shop.Bad"))


def test_a_cut_stack_is_recognised_by_type_and_message():
    cut = seen(OUTER[:90])
    assert not cut.complete
    assert are_same(cut, seen(OUTER))
    assert are_same(cut, seen(OUTER[:90], message="id"))
    assert are_same(seen(OUTER), seen(OUTER[:90], message="id", kind="KeyError"))


def test_a_cut_stack_with_another_message_is_another_raise():
    assert not are_same(seen(OUTER[:90], message="'sku'"), seen(OUTER))


def test_cut_stacks_with_messages_that_only_begin_alike_are_two_raises():
    one, other = (f"[Errno 2] No such file or directory: '/{name}'" for name in "ab")
    kind, stack = "FileNotFoundError", OUTER[:90]
    assert not are_same(seen(stack, one, kind), seen(stack, other, kind))
    assert are_same(seen(stack, one, kind), seen(stack, "2", kind))
    whole = OUTER.replace("KeyError: 'id'", f"FileNotFoundError: {other}")
    assert not are_same(seen(stack, one, kind), seen(whole, other, kind))


def test_an_occurrence_has_the_same_fingerprint_whatever_came_first():
    ranked = [("z", True), ("a", False), ("b", False)]
    for (first, whole), (second, other) in [(ranked[0], ranked[1]), (ranked[0], ranked[2]), (ranked[1], ranked[2])]:
        assert takes_over(first, complete=whole, from_fingerprint=second, from_complete=other)
        assert not takes_over(second, complete=other, from_fingerprint=first, from_complete=whole)
    assert not takes_over("a", complete=True, from_fingerprint="b", from_complete=True)


def test_a_wrapper_whose_stack_holds_its_root_is_complete_although_its_own_end_was_cut():
    text = INNER + (
        "\nDuring handling of the above exception, another exception occurred:\n\n"
        'Traceback (most recent call last):\n  File "/app/shop/web.py", line 5, in chec'
    )
    observed = seen(text, message="no", kind="shop.Bad")
    assert observed.complete
    assert are_same(observed, seen(INNER))


def test_keys_that_are_sought_and_kept_are_few():
    keys = seen(OUTER).raise_keys
    assert len(kept_keys(keys, complete=True)) <= 5
    assert len(sought_keys(keys, complete=True)) <= 5

"""What of a message is identity, and what is a value."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_insights.analysis.message import template


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Error 111 connecting to 127.0.0.9:47863. Refused.", "Error <n> connecting to <addr>. Refused."),
        ("Cannot connect to host db-7.internal:5432", "Cannot connect to host <addr>"),
        ("user 7d70d109-0476-4a3e-9c1b-3f2a1b0c9d8e is gone", "user <uuid> is gone"),
        ("job started 2026-01-05T10:00:00.123Z failed", "job started <time> failed"),
        ("mail to jane.doe@example.org bounced", "mail to <email> bounced"),
        ("GET https://api.example.org/v1/x?y=1 failed", "GET <url> failed"),
        ("[Errno 2] No such file or directory: '/data/x.png'", "No such file or directory: <q>"),
        ("cannot read /var/lib/app/x.db", "cannot read <path>"),
        ("signature 7d70d1090476 does not match", "signature <n> does not match"),
        ("<Future at 0x7f1ad019c310 state=finished>", "<Future at <n> state=finished>"),
        ("gone\n[SQL: SELECT 1]\n(Background on this error at: https://sqlalche.me/e/20/x)", "gone"),
        ("3 is less than 5\n\nFailed validating 'x' in schema", "<n> is less than <n>"),
        ("1 validation error for Order\nprice\n  value is not a valid float", "price value is not a valid float"),
        ("\x1b[31mred\x1b[0m alert", "red alert"),
        ("", ""),
    ],
)  # fmt: skip
def test_values_are_replaced_by_their_kind(message, expected):
    assert template(message) == expected


@pytest.mark.parametrize(
    "message",
    [
        "'NoneType' object has no attribute 'group'",
        "No module named 'storefront_ext'",
        "name 'ordr_summary' is not defined",
        "cannot access local variable 'discount' where it is not associated with a value",
        "unsupported operand type(s) for +: 'int' and 'str'",
        "math domain error",
        "asyncio.run() cannot be called from a running event loop",
    ],
)
def test_what_is_wrong_with_the_program_stays(message):
    assert template(message) == message


def test_a_quoted_sentence_is_a_message_of_its_own():
    missing = template("{'zip': ['Missing data for required field.']}")
    unknown = template("{'agent': ['Unknown field.']}")
    assert missing != unknown
    assert unknown == template("{'channel': ['Unknown field.']}")


def test_numbers_inside_kept_names_are_not_touched():
    assert "'errors2'" in template("merge() missing 1 required positional argument: 'errors2'")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300))
def test_any_text_gives_one_short_line(message):
    words = template(message)
    assert len(words) <= 240
    assert "\n" not in words
    assert not words[:1].isspace()


@pytest.mark.parametrize(
    "piece", ["'", '"', "(", "a.", "a@", "a-", "1", "1.", "/a", ":", "a/b", "[{(", "<n> ", "'A a ", "a:1"]
)
def test_long_messages_take_bounded_time(piece):
    start = time.process_time()
    template(piece * 50_000)
    assert time.process_time() - start < 2, "a quadratic one takes minutes"

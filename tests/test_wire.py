"""The walk over headers and the splice, against protobuf's own parser."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_insights import outline, wire
from otel_insights.errors import BadData
from otel_insights.wire import EVENT_NAMED_EXCEPTION, amend, delimited, fields, places, places_holding, varint

# --- requests as other encoders may write them: unknown fields, groups, long varints, any order, repetitions


def stretched(value, more):
    """A varint of more bytes than it needs."""
    encoded = bytearray(varint(value))
    for _ in range(more):
        encoded[-1] |= 0x80
        encoded.append(0)
    return bytes(encoded)


def field(number, content):
    """A length-delimited field whose tag and length may be longer than need be."""
    more = st.sampled_from([0, 0, 0, 1, 2])
    return st.builds(
        lambda body, a, b: stretched(number << 3 | 2, a) + stretched(len(body), b) + body, content, more, more
    )


def joined(*parts, most=5):
    return st.lists(st.one_of(*parts), max_size=most).map(b"".join)


blob = st.one_of(
    st.binary(max_size=40), st.sampled_from([EVENT_NAMED_EXCEPTION, b"\x09exception", b"\x12\x09exceptio"])
)
number = st.integers(17, 2000)
leaf = st.one_of(
    st.builds(lambda n, v: varint(n << 3) + varint(v), number, st.integers(0, 2**64 - 1)),
    st.builds(lambda n, v: varint(n << 3 | 1) + v, number, st.binary(min_size=8, max_size=8)),
    st.builds(lambda n, v: varint(n << 3 | 5) + v, number, st.binary(min_size=4, max_size=4)),
    st.builds(delimited, number, blob),
    st.sampled_from([b"\x08\x07", b"\x11exceptio"]),  # fields 1 and 2 under another wire type
)
unknown = st.recursive(
    leaf,
    lambda inner: st.builds(lambda n, x: varint(n << 3 | 3) + x + varint(n << 3 | 4), number, joined(inner, most=3)),
)

text = st.sampled_from(
    ["exception", "exception.type", "an exception", "\x12\x09exception", "ok", "x" * 130, "y" * 17000]
)


@st.composite
def spans(draw):
    span = Span(name=draw(text))
    for name in draw(st.lists(text, max_size=3)):
        span.events.add(name=name)
    for key in draw(st.lists(text, max_size=2)):
        pair = span.attributes.add(key=key)
        pair.value.kvlist_value.values.add(key=draw(text)).value.array_value.values.add(string_value=draw(text))
    return span.SerializeToString() + draw(joined(unknown, most=2))


known = st.sampled_from([b"", b"\x0a\x03\x0a\x01k", b"\x10\x02"])


def request_of(item):
    scope = joined(field(1, known), field(2, item), field(2, item), field(2, item), unknown, most=6)
    resource = joined(field(1, known), field(2, scope), field(2, scope), field(3, st.just(b"url")), unknown)
    return joined(field(1, resource), field(1, resource), unknown)


framed = request_of(blob)
requests = request_of(spans())


@st.composite
def damaged(draw):
    data = bytearray(draw(framed))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 3)))
        data[at:end] = draw(
            st.one_of(st.binary(max_size=2), st.sampled_from([b"\x80", b"\xff\xff\xff\xff\x0f", b"\x0b", b"\x0c"]))
        )
    return bytes(data)


def items_by_protobuf(data):
    """Resource, scope and item of every item, by a C parser to which items are bytes."""
    return [
        (b"".join(outer.resource), item)
        for outer in outline._ITEMS.FromString(data).resources
        for inner in outer.scopes
        for item in inner.items
    ]


def items_by_walk(data):
    return [(place.resource, data[place.item[1] : place.item[2]]) for place in places(data)]


@given(framed)
def test_the_walk_finds_what_a_parser_finds(data):
    assert items_by_walk(data) == items_by_protobuf(data)


@settings(max_examples=400)
@given(st.one_of(damaged(), st.binary(max_size=60)))
def test_the_walk_refuses_exactly_what_a_parser_refuses(data):
    try:
        expected = items_by_protobuf(data)
    except DecodeError:
        with pytest.raises(BadData):
            list(places(data))
    else:
        assert items_by_walk(data) == expected


@given(framed, st.sampled_from([EVENT_NAMED_EXCEPTION, b"exception", b"e", b"\x12", b"\0"]))
def test_a_search_finds_the_items_that_contain_the_needle_and_no_others(data, needle):
    expected = []
    for place in places(data):
        content = data[place.item[1] : place.item[2]]
        matches = [at for at in range(len(content)) if content.startswith(needle, at)]
        if matches:
            expected.append(place._replace(match=matches[0] if len(matches) == 1 else -1))
    assert places_holding(data, needle) == expected


@given(damaged(), st.sampled_from([b"exception", b"\x12"]))
def test_a_search_in_damaged_bytes_finds_true_items_or_refuses(data, needle):
    try:
        found = places_holding(data, needle)
    except BadData:
        return
    for place in found:
        assert needle in data[place.item[1] : place.item[2]]


def skeleton(data):
    """Everything but the items and the headers that enclose them, in order."""
    kept = []

    def descend(at, end, numbers):
        for number, wire_type, (start, body, after) in fields(data, at, end):
            if (number, wire_type) != (numbers[0], wire.LENGTH):
                kept.append(data[start:after])
            elif numbers[1:]:
                descend(body, after, numbers[1:])
            else:
                kept.append(b"item")

    descend(0, len(data), (1, 2, 2))
    return kept


def splice(data, edits):
    return amend(data, [(place, (content,)) for place, content in edits])


@given(framed, st.data())
def test_a_splice_changes_the_edited_items_and_nothing_else(data, draw):
    found = list(places(data))
    chosen = draw.draw(st.lists(st.sampled_from(range(len(found))), unique=True)) if found else []
    new = {at: draw.draw(st.one_of(blob, st.just(b"z" * 200))) for at in chosen}
    spliced = splice(data, [(found[at], content) for at, content in new.items()])
    before, after = items_by_walk(data), items_by_walk(spliced)
    assert after == [(resource, new.get(at, item)) for at, (resource, item) in enumerate(before)]
    assert skeleton(spliced) == skeleton(data)


@settings(max_examples=300)
@given(requests, st.sampled_from([b"", b"\x4a\x05\x0a\x03new", b"\x4a\xac\x02" + b"\x0a\xa9\x02" + b"n" * 297]))
def test_a_splice_equals_the_same_edit_by_protobuf(data, extra):
    expected = ExportTraceServiceRequest.FromString(data)
    for outer in expected.resource_spans:
        for inner in outer.scope_spans:
            for span in inner.spans:
                if any(event.name == "exception" for event in span.events):
                    span.MergeFromString(extra)
    edits = []
    for place in places_holding(data, EVENT_NAMED_EXCEPTION):
        content = data[place.item[1] : place.item[2]]
        if any(event.name == "exception" for event in Span.FromString(content).events):
            edits.append((place, content + extra))
    assert ExportTraceServiceRequest.FromString(splice(data, edits)) == expected


@given(framed, st.data())
def test_items_given_in_pieces_are_those_given_whole(data, draw):
    found = list(places(data))
    chosen = draw.draw(st.lists(st.sampled_from(range(len(found))), unique=True)) if found else []
    pieced, whole = [], []
    for place in (found[at] for at in chosen):
        content = data[place.item[1] : place.item[2]]
        at = st.integers(0, len(content))
        first, after = sorted((draw.draw(at), draw.draw(at)))
        new, more = draw.draw(blob), draw.draw(st.one_of(blob, st.just(b"z" * 200), st.just(b"z" * 5000)))
        pieced.append((place, (content[:first], new, content[after:], more)))
        whole.append((place, content[:first] + new + content[after:] + more))
    assert amend(data, pieced) == splice(data, whole)


def test_an_item_given_twice_is_refused():
    data = delimited(1, delimited(2, delimited(2, b"item")))
    (place,) = places(data)
    with pytest.raises(ValueError, match="twice"):
        splice(data, [(place, b"one"), (place, b"other")])


def test_a_splice_without_edits_is_the_same_bytes():
    assert splice(b"\x0a\x80\x00", []) == b"\x0a\x80\x00"


def test_a_resource_and_a_scope_that_come_twice_or_late_are_merged():
    scope = delimited(2, b"item") + delimited(1, b"\x0a\x01a") + delimited(1, b"\x12\x01b")
    data = delimited(1, delimited(2, scope) + delimited(1, b"\x10\x01") + delimited(1, b"\x10\x02"))
    for found in (next(places(data)), places_holding(data, b"item")[0]):
        assert found.scope == b"\x0a\x01a\x12\x01b"
        assert found.resource == b"\x10\x01\x10\x02"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x0a\x05abc", "ends 2 bytes after"),
        (b"\x0a", "does not end"),
        (b"\x02\x00", "field number 0"),
        (b"\x0c", "wire type 4"),
        (b"\x0e", "wire type 6"),
        (b"\x0b\x14", "not open"),
        (b"\x0b", "does not end"),
        (b"\x0a\xff\xff\xff\xff\x7f", "more than 31 bits"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "does not end"),
    ],
)
def test_broken_framing_is_refused_with_its_place(data, why):
    with pytest.raises(BadData, match=why):
        list(places(data))


def test_a_needle_that_spans_two_items_is_in_neither():
    data = delimited(1, delimited(2, delimited(2, b"abc") + delimited(2, b"def")))
    assert places_holding(data, b"c\x12\x03d") == []

"""The exception event that is found without parsing its span, against protobuf's own parser."""

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_insights.exception_events import FIELDS_AT, locate, time_of, with_longer_event
from otel_insights.payload import EVENT_ATTRIBUTES, attribute, attribute_bytes
from otel_insights.wire import EVENT_NAMED_EXCEPTION, delimited

NEEDLE = EVENT_NAMED_EXCEPTION.decode()

texts = st.sampled_from(
    ["", "exception", NEEDLE, f"{NEEDLE}{NEEDLE}", "\t" + "t" * 8 + NEEDLE, "x" * 200, "x" * 20_000]
)
times = st.sampled_from([0, 1, 2**63, 2**64 - 1])
events = st.builds(
    Span.Event,
    name=st.one_of(st.just("exception"), texts),
    time_unix_nano=times,
    attributes=st.lists(st.builds(attribute, texts, texts), max_size=3),
    dropped_attributes_count=st.sampled_from([0, 7]),
)
spans = st.builds(
    Span,
    trace_id=st.sampled_from([b"", b"t" * 16]),
    span_id=st.sampled_from([b"", b"s" * 8]),
    name=texts,
    end_time_unix_nano=times,
    attributes=st.lists(st.builds(attribute, texts, texts), max_size=2),
    events=st.lists(events, max_size=3),
)
odd = st.sampled_from(
    [b"", delimited(11, b"\x12\x09exception\x12\x05other"), b"\x7b\x5a\x0b\x7c", delimited(1, b"again"), b"\xff"]
)


def located(span):
    return locate(span, span.find(EVENT_NAMED_EXCEPTION) if span.count(EVENT_NAMED_EXCEPTION) == 1 else -1)


@given(spans, odd)
def test_what_is_located_is_what_parsing_finds(span, tail):
    data = span.SerializeToString() + tail
    found = located(data)
    if found is None:
        return
    outline, position, start, content = found
    parsed = Span.FromString(data)
    event = parsed.events[position]
    assert [at for at, one in enumerate(parsed.events) if one.name == "exception"] in ([position], [])
    assert data[start : start + len(content)] == content
    assert Span.Event.FromString(content) == event
    assert Span.Event.FromString(EVENT_NAMED_EXCEPTION + content[FIELDS_AT:]).attributes == event.attributes
    assert (outline.trace_id, outline.span_id) == (parsed.trace_id, parsed.span_id)
    assert (outline.end_time_unix_nano, time_of(content)) == (parsed.end_time_unix_nano, event.time_unix_nano)


@given(spans, odd)
def test_a_longer_event_is_the_same_event_with_more(span, tail):
    data = span.SerializeToString() + tail
    found = located(data)
    if found is None:
        return
    _, position, start, content = found
    added = attribute_bytes(EVENT_ATTRIBUTES, "otel_insights.exception.fingerprint", "0c9e")
    longer = Span.FromString(b"".join(with_longer_event(data, (start, start + len(content)), added)))
    expected = Span.FromString(data)
    expected.events[position].attributes.append(attribute("otel_insights.exception.fingerprint", "0c9e"))
    assert longer == expected


def test_an_exception_as_sdks_write_it_is_located():
    span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="GET /", end_time_unix_nano=9)
    span.events.add(name="cache.miss", time_unix_nano=1)
    span.events.add(name="exception", time_unix_nano=2, attributes=[attribute("exception.type", "KeyError")])
    found = located(span.SerializeToString())
    assert found is not None
    outline, position, _, event = found
    assert (position, time_of(event), outline.end_time_unix_nano) == (1, 2, 9)


def test_two_exceptions_in_a_span_are_left_to_the_parser():
    span = Span(events=[Span.Event(name="exception", time_unix_nano=at) for at in (1, 2)])
    assert located(span.SerializeToString()) is None


def test_a_text_that_looks_like_the_event_is_none():
    assert located(Span(name=f"{'t' * 9}{NEEDLE}").SerializeToString()) is None

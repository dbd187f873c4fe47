"""Where the exception event of a span lies, found without parsing the span.

Protobuf's parser is given a schema in which all that is of no interest here is unknown, and events are bytes (as in
`outline`). That takes a third of the time, and tells where the bytes lie between which attributes can be put.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from otel_insights.wire import EVENT_NAMED_EXCEPTION, varint

_NAME_AT: Final = 9
"""Where the name of an event begins when its time comes first, as every SDK writes it."""
FIELDS_AT: Final = _NAME_AT + len(EVENT_NAMED_EXCEPTION)
"""Where in a located event its attributes begin. The same failure has the same again and again."""
_TIME: Final = 0x09
_EVENT: Final = b"\x5a"
"""`Span.events` is field 11."""

Located: TypeAlias = tuple[Any, int, int, bytes]
"""The one exception event of a span: the span's outline (`trace_id`, `span_id`, `end_time_unix_nano`), the event's
position among the span's, where its content begins in the span's bytes, and that content."""


def locate(span: bytes, match: int) -> Located | None:
    """Find the exception event of a serialised span; None unless there is exactly one that is written as SDKs write it.

    `match` is where the event's name (EVENT_NAMED_EXCEPTION) stands, negative if at several places: a span with several
    events of the name, or with the name in some text, is to be parsed by whoever wants to know.
    """
    if match < _NAME_AT:
        return None
    try:
        outline = _SPAN.FromString(span)
    except DecodeError:
        return None
    for position, event in enumerate(outline.events):
        if event.startswith(EVENT_NAMED_EXCEPTION, _NAME_AT) and event[0] == _TIME:
            start = match - _NAME_AT  # this event holds the name, and the span has it once
            if not span.endswith(_EVENT + varint(len(event)), 0, start):
                return None
            return outline, position, start, event
    return None


def time_of(event: bytes) -> int:
    """Read the time of a located event, nanoseconds since the epoch."""
    return int.from_bytes(event[1:_NAME_AT], "little")


def with_longer_event(span: bytes, located: tuple[int, int], added: bytes) -> tuple[bytes, ...]:
    """Give a span in pieces with serialised fields at the end of a located event, whose start and end are given."""
    start, end = located
    size = end - start
    return span[: start - len(varint(size))], varint(size + len(added)), span[start:end], added, span[end:]


def _schema() -> Any:  # noqa: ANN401  # a class made at run time
    kind = descriptor_pb2.FieldDescriptorProto
    package = "otel_insights.exception_events"
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    span = file.message_type.add(name="Span")
    for name, number, type_ in (
        ("trace_id", 1, "BYTES"),
        ("span_id", 2, "BYTES"),
        ("end_time_unix_nano", 8, "FIXED64"),
    ):
        span.field.add(name=name, number=number, type=kind.Type.Value(f"TYPE_{type_}"), label=kind.LABEL_OPTIONAL)
    span.field.add(name="events", number=11, type=kind.TYPE_BYTES, label=kind.LABEL_REPEATED)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.Span"))


_SPAN: Final = _schema()

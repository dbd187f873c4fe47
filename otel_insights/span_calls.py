"""The spans of a request, read as far as what they say of a call: name, kind, status, duration.

Protobuf's parser is given a schema without the rest of a span (as in `outline`): it steps over attributes and events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from otel_insights.errors import BadData

LONGEST_NAME: Final = 256
"""Bytes of a span's name that count."""


class Calls(NamedTuple):
    """The spans of one resource, in columns."""

    resource: bytes
    kinds: list[tuple[bytes, int, int]]
    """Name, SpanKind, StatusCode."""
    took_ns: list[int]
    """From start to end: below 0 where a clock was set back."""
    name_of: Callable[[int], tuple[bytes, bytes, int]]
    """Gives trace id, span id and the time of the end, by the place of a span."""


def calls(data: bytes) -> Iterator[Calls]:
    """Read an export request of spans; raises BadData where it does not parse."""
    try:
        request = _REQUEST.FromString(data)
    except DecodeError as error:
        raise BadData("not a valid export request of traces: a tag or a length in the protobuf is wrong") from error
    for outer in request.resources:
        spans = [span for inner in outer.scopes for span in inner.items]
        kinds = [(span.name, span.kind, _code(status) if (status := span.status) else 0) for span in spans]
        took = [span.end - span.start for span in spans]
        if any(len(kind[0]) > LONGEST_NAME for kind in kinds):
            kinds = [(name[:LONGEST_NAME], *rest) for name, *rest in kinds]
        yield Calls(b"".join(outer.resource), kinds, took, partial(_name_of, spans))


def _name_of(spans: Sequence[Any], at: int) -> tuple[bytes, bytes, int]:
    span = spans[at]
    return span.trace_id, span.span_id, span.end


@lru_cache(maxsize=1024)
def _code(status: bytes) -> int:
    """Read the code of a serialised Status; 0 where it does not parse."""
    try:
        return int(Status.FromString(status).code)
    except DecodeError:
        return 0


def _schema() -> Any:  # noqa: ANN401 - a class made at run time
    kind = descriptor_pb2.FieldDescriptorProto
    package = "otel_insights.span_calls"
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")

    def message(title: str, /, **fields: tuple[int, str, bool]) -> None:
        made = file.message_type.add(name=title)
        for name, (number, type_, many) in fields.items():
            label = kind.LABEL_REPEATED if many else kind.LABEL_OPTIONAL
            added = made.field.add(name=name, number=number, label=label)
            if type_[0].isupper():
                added.type, added.type_name = kind.TYPE_MESSAGE, f".{package}.{type_}"
            else:
                added.type = kind.Type.Value(f"TYPE_{type_.upper()}")

    # singular in OTLP, repeated here, so that an occurrence is not lost to the next one
    message("Request", resources=(1, "Outer", True))
    message("Outer", resource=(1, "bytes", True), scopes=(2, "Inner", True))
    message("Inner", items=(2, "Span", True))
    message(
        "Span",
        trace_id=(1, "bytes", False),
        span_id=(2, "bytes", False),
        name=(5, "bytes", False),
        kind=(6, "int32", False),
        start=(7, "fixed64", False),
        end=(8, "fixed64", False),
        status=(15, "bytes", False),
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.Request"))


_REQUEST: Final = _schema()

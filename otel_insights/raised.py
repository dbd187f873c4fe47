"""Exceptions in OTLP: where they stand in a payload, and how they are stamped.

Two forms (semantic conventions, exceptions on spans and in logs): span events named `exception`, and log records with
`exception.*` attributes, whatever their event name.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_insights import environment, semconv
from otel_insights.environment import Sender
from otel_insights.errors import BadData
from otel_insights.payload import (
    EVENT_ATTRIBUTES,
    EVENT_NAMED_EXCEPTION,
    EXCEPTION_ATTRIBUTE,
    LOG_RECORD_ATTRIBUTES,
    SPAN_ATTRIBUTES,
    ExportRequest,
    Item,
    Payload,
    Scalar,
    attribute_bytes,
)
from otel_insights.store.occurrences import key_of

_STAMPS = frozenset({semconv.FINGERPRINT, semconv.CLUSTER_ID, semconv.CLUSTER_PROBABILITY})
_COUNTS = range(1, 10**9)
"""How many records one can stand for; anything else is a mistake, and would drown every honest count."""
_STAMPED = b"otel_insights.exception."
"""Is in whatever an earlier pass, or another otel-insights, has stamped."""


class Found(NamedTuple):
    """An exception in a payload."""

    item: Item
    carrier: Span | LogRecord
    event: Span.Event | None
    """The span's event; None for a log record."""
    sender: Sender
    key: int
    """The record's identity: the same record sent again has the same."""
    type: str
    message: str
    stacktrace: str
    trace_id: bytes
    span_id: bytes
    time_ns: int
    """0 where the telemetry names no time that can be one."""
    weight: float


def find_in_spans(payload: Payload, our_instance: str) -> tuple[list[Found], int]:
    """Find exception events, but in spans of ours; and count the spans that may hold one and do not parse."""
    found: list[Found] = []
    unread = 0
    for item in payload.search(EVENT_NAMED_EXCEPTION):
        sender = environment.read(item.resource)
        try:
            span = Span.FromString(item.data)
        except DecodeError:
            unread += 1
            continue
        if sender is None:
            unread += 1
        elif sender.key.instance != our_instance:
            found += _in_span(item, span, sender)
    return found, unread


def _in_span(item: Item, span: Span, sender: Sender) -> Iterable[Found]:
    for position, event in enumerate(span.events):
        if event.name != semconv.EXCEPTION_EVENT:
            continue
        type_, message, stacktrace, _ = _read(event.attributes)
        if any(span.trace_id):
            key = key_of(sender.key.namespace.encode(), span.trace_id, span.span_id, position.to_bytes(4, "little"))
        else:
            key = key_of(item.resource, item.data, position.to_bytes(4, "little"))
        yield Found(
            item=item,
            carrier=span,
            event=event,
            sender=sender,
            key=key,
            type=type_,
            message=message,
            stacktrace=stacktrace,
            trace_id=_id(span.trace_id),
            span_id=_id(span.span_id),
            time_ns=_time(event.time_unix_nano, span.end_time_unix_nano),
            weight=1.0,
        )


def find_in_logs(payload: Payload, our_instance: str) -> tuple[list[Found], int]:
    """Find log records that carry an exception, likewise."""
    found: list[Found] = []
    unread = 0
    for item in payload.search(EXCEPTION_ATTRIBUTE):
        sender = environment.read(item.resource)
        try:
            record = LogRecord.FromString(item.data)
        except DecodeError:
            unread += 1
            continue
        type_, message, stacktrace, weight = _read(record.attributes)
        if not (type_ or message or stacktrace):
            continue
        if sender is None:
            unread += 1
        elif sender.key.instance != our_instance:
            found.append(
                Found(
                    item=item,
                    carrier=record,
                    event=None,
                    sender=sender,
                    key=key_of(item.resource, item.data),
                    type=type_,
                    message=message,
                    stacktrace=stacktrace,
                    trace_id=_id(record.trace_id),
                    span_id=_id(record.span_id),
                    time_ns=_time(record.time_unix_nano, record.observed_time_unix_nano),
                    weight=weight,
                )
            )
    return found, unread


def _read(attributes: Iterable[KeyValue]) -> tuple[str, str, str, float]:
    type_ = message = stacktrace = ""
    weight = 1
    for one in attributes:
        key = one.key
        if key == semconv.EXCEPTION_TYPE:
            type_ = one.value.string_value
        elif key == semconv.EXCEPTION_MESSAGE:
            message = one.value.string_value
        elif key == semconv.EXCEPTION_STACKTRACE:
            stacktrace = one.value.string_value
        elif key == semconv.LOG_COUNT:
            weight = one.value.int_value
    return type_, message, stacktrace, float(weight if weight in _COUNTS else 1)


def _time(*candidates: int) -> int:
    """Take the first that can be a time; 0 if none can. OTLP has 64 bits for it, of which the store keeps 63."""
    return next((one for one in candidates if 0 < one < 2**63), 0)


def _id(id_: bytes) -> bytes:
    """Take an id of zeros for none, as the protocol does."""
    return id_ if any(id_) else b""


def stamp(payload: Payload, stamps: Sequence[tuple[Found, Mapping[str, Scalar]]]) -> None:
    """Put attributes on exceptions: on the event and its span, or on the log record. Nothing else is touched.

    Of several exceptions in one span, the last one's attributes are the span's.
    """
    edited: dict[Item, tuple[Span | LogRecord, bytes]] = {}
    for found, attributes in stamps:
        carrier, again = found.carrier, _STAMPED in found.item.data
        if found.event is not None:
            if again:
                _drop(found.event.attributes, attributes)
            # parsing into a message adds to what is repeated in it
            found.event.MergeFromString(_serialised(EVENT_ATTRIBUTES, tuple(attributes.items())))
        if again:
            _drop(carrier.attributes, attributes)
        number = SPAN_ATTRIBUTES if isinstance(carrier, Span) else LOG_RECORD_ATTRIBUTES
        edited[found.item] = carrier, _serialised(number, tuple(attributes.items()))
    payload.replace((item, carrier.SerializeToString() + added) for item, (carrier, added) in edited.items())


@lru_cache(maxsize=8192)
def _serialised(number: int, attributes: tuple[tuple[str, Scalar], ...]) -> bytes:
    return b"".join(attribute_bytes(number, key, value) for key, value in attributes)


def audit(before: bytes, payload: Payload, stamped: int, our_instance: str) -> str:
    """Check by a full parse what was done without one; "" if all is well, else what is not.

    What was stamped must be every exception that there is, and without the stamps the request must be what it was.
    A request that does not parse as a whole (a string that is no UTF-8) cannot be checked so.
    """
    try:
        was, now = Payload(payload.signal, before).message(), payload.message()
    except BadData:
        return ""
    expected = sum(
        _exceptions_in(carrier) for resource, carrier in _carriers(was) if _instance(resource) != our_instance
    )
    if expected != stamped:
        return f"{stamped} exceptions were found, a full parse finds {expected}"
    for _, carrier in (*_carriers(was), *_carriers(now)):
        for attributes in (carrier.attributes, *(event.attributes for event in getattr(carrier, "events", ()))):
            _drop(attributes, _STAMPS)
    return "" if was == now else "more than the stamps was changed"


def _instance(resource: bytes) -> str:
    sender = environment.read(resource)
    return sender.key.instance if sender else ""


def _carriers(request: ExportRequest) -> Iterable[tuple[bytes, Span | LogRecord]]:
    """Give every span or log record with its serialised resource."""
    for part in (*getattr(request, "resource_spans", ()), *getattr(request, "resource_logs", ())):
        resource = part.resource.SerializeToString()
        for scope in (*getattr(part, "scope_spans", ()), *getattr(part, "scope_logs", ())):
            for carrier in (*getattr(scope, "spans", ()), *getattr(scope, "log_records", ())):
                yield resource, carrier


def _exceptions_in(carrier: Span | LogRecord) -> int:
    if isinstance(carrier, Span):
        return sum(event.name == semconv.EXCEPTION_EVENT for event in carrier.events)
    return int(any(_read(carrier.attributes)[:3]))


def _drop(attributes: RepeatedCompositeFieldContainer[KeyValue], keys: Container[str]) -> None:
    for index in reversed(range(len(attributes))):
        if attributes[index].key in keys:
            del attributes[index]

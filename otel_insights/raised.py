"""Exceptions in OTLP: where they stand in a payload, and how they are stamped.

Two forms (semantic conventions, exceptions on spans and in logs): span events named `exception`, and log records with
`exception.*` attributes, whatever their event name.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import NamedTuple, TypeAlias

import stringzilla
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_insights import environment, semconv
from otel_insights.analysis.fingerprint import Fingerprint
from otel_insights.environment import Sender
from otel_insights.errors import BadData
from otel_insights.exception_events import FIELDS_AT, locate, time_of, with_longer_event
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
    attribute,
    attribute_bytes,
)
from otel_insights.store.observation import Observation
from otel_insights.store.places import POSITIVE, key_of
from otel_insights.weights import stands_for

_STAMPS = frozenset({semconv.FINGERPRINT, semconv.CLUSTER_ID, semconv.CLUSTER_PROBABILITY})
_STAMPED = b"otel_insights.exception."
"""Is in whatever an earlier pass, or another otel-insights, has stamped."""


class Found(NamedTuple):
    """An exception in a payload."""

    item: Item
    position: int | None
    """Of the event among the span's; None for a log record."""
    event_at: tuple[int, int] | None
    """Where the event's content lies in the span's bytes, if that was found without parsing the span."""
    version: str
    """`service.version` of the sender, "" where none is told."""
    observed: Observation


Recognise: TypeAlias = Callable[[str, str, str], Fingerprint]
"""Tells the fingerprint of a type, a message and a stack trace."""


def find_in_spans(payload: Payload, our_instance: str, recognise: Recognise, now_ns: int) -> tuple[list[Found], int]:
    """Find exception events, but in spans of ours; and count the spans that may hold one and do not parse.

    `now_ns` is the time of those that name none.
    """
    found: list[Found] = []
    unread = 0
    for item in payload.search(EVENT_NAMED_EXCEPTION):
        sender = environment.read(item.resource)
        if sender is None:
            unread += 1
        elif sender.key.instance != our_instance:
            if one := _located(item, sender, recognise, now_ns):
                found.append(one)
                continue
            try:
                found += _in_span(item, Span.FromString(item.data), sender, recognise, now_ns)
            except DecodeError:
                unread += 1
    return found, unread


def _located(item: Item, sender: Sender, recognise: Recognise, now_ns: int) -> Found | None:
    """Find a span's one exception without parsing what was seen before; None where that is not so simple."""
    at = locate(item.data, item.match)
    if at is None:
        return None
    outline, position, start, event = at
    read = _read_fields(event[FIELDS_AT:])
    if read is None:
        return None
    type_, message, stacktrace = read
    trace_id, span_id, time_ns = _id(outline.trace_id), _id(outline.span_id), time_of(event)
    if not 0 < time_ns <= POSITIVE:
        time_ns = _time(time_ns, outline.end_time_unix_nano)
    observed = Observation(
        _key(item, trace_id, span_id, position),
        sender.key,
        recognise(type_, message, stacktrace),
        message,
        stacktrace,
        trace_id,
        span_id,
        time_ns or now_ns,
    )
    return Found(item, position, (start, start + len(event)), sender.version, observed)


_MOST_READ = 8192
_Read: TypeAlias = tuple[str, str, str] | None
_events_read: dict[int, tuple[bytes, _Read]] = {}
"""By a hash that takes a fifth of the time of Python's own for a long stack trace."""


def _read_fields(fields: bytes) -> _Read:
    """Read what follows the name of an exception event; None if it makes it another event, or does not parse."""
    hash_ = stringzilla.hash(fields)
    known = _events_read.get(hash_)
    if known is not None and known[0] == fields:
        return known[1]
    read = _read_event(fields)
    if len(_events_read) >= _MOST_READ:
        _events_read.clear()
    _events_read[hash_] = fields, read
    return read


def _read_event(fields: bytes) -> _Read:
    try:
        event = Span.Event.FromString(EVENT_NAMED_EXCEPTION + fields)
    except DecodeError:
        return None
    if event.name != semconv.EXCEPTION_EVENT or event.time_unix_nano:
        return None
    return _read(event.attributes)[:3]


def _in_span(item: Item, span: Span, sender: Sender, recognise: Recognise, now_ns: int) -> Iterable[Found]:
    for position, event in enumerate(span.events):
        if event.name == semconv.EXCEPTION_EVENT:
            type_, message, stacktrace, _ = _read(event.attributes)
            observed = Observation(
                _key(item, _id(span.trace_id), span.span_id, position),
                sender.key,
                recognise(type_, message, stacktrace),
                message,
                stacktrace,
                _id(span.trace_id),
                _id(span.span_id),
                _time(event.time_unix_nano, span.end_time_unix_nano) or now_ns,
            )
            yield Found(item, position, None, sender.version, observed)


def _key(item: Item, trace_id: bytes, span_id: bytes, position: int) -> int:
    """Identify an event: among those of its trace; without a trace by all that there is."""
    if trace_id:
        return (int.from_bytes(span_id, "big") + position * _APART) & POSITIVE
    return key_of(item.resource, item.data, position.to_bytes(4, "little"))


_APART = 0x9E3779B97F4A7C15
"""2^64 divided by the golden ratio: multiples of it lie far from each other (Knuth, TAOCP 3, 6.4)."""


def find_in_logs(payload: Payload, our_instance: str, recognise: Recognise, now_ns: int) -> tuple[list[Found], int]:
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
            observed = Observation(
                key_of(item.resource, item.data),
                sender.key,
                recognise(type_, message, stacktrace),
                message,
                stacktrace,
                _id(record.trace_id),
                _id(record.span_id),
                _time(record.time_unix_nano, record.observed_time_unix_nano) or now_ns,
                weight,
            )
            found.append(Found(item, None, None, sender.version, observed))
    return found, unread


def _read(attributes: Iterable[KeyValue]) -> tuple[str, str, str, float]:
    type_ = message = stacktrace = ""
    count, rate = 1, 1.0
    for one in attributes:
        key = one.key
        if key == semconv.EXCEPTION_TYPE:
            type_ = one.value.string_value
        elif key == semconv.EXCEPTION_MESSAGE:
            message = one.value.string_value
        elif key == semconv.EXCEPTION_STACKTRACE:
            stacktrace = one.value.string_value
        elif key == semconv.LOG_COUNT:
            count = one.value.int_value
        elif key == semconv.SAMPLING_RATE:
            rate = one.value.double_value
    return type_, message, stacktrace, float(stands_for(count, rate))


def _time(first: int, second: int) -> int:
    """Take the first that can be a time; 0 if none can. OTLP has 64 bits for it, of which the store keeps 63."""
    return first if 0 < first <= POSITIVE else second if 0 < second <= POSITIVE else 0


def _id(id_: bytes) -> bytes:
    """Take an id of zeros for none, as the protocol does."""
    return id_ if any(id_) else b""


class Stamp(NamedTuple):
    """Attributes to put on an exception, and as they are serialised: in an event, in a span, in a log record."""

    attributes: Mapping[str, Scalar]
    event: bytes
    span: bytes
    record: bytes

    @classmethod
    def of(cls, attributes: Mapping[str, Scalar]) -> Stamp:
        """Serialise attributes."""

        def field(number: int) -> bytes:
            return b"".join(attribute_bytes(number, key, value) for key, value in attributes.items())

        return cls(attributes, field(EVENT_ATTRIBUTES), field(SPAN_ATTRIBUTES), field(LOG_RECORD_ATTRIBUTES))


def stamp(payload: Payload, stamps: Iterable[tuple[Found, Stamp]]) -> None:
    """Put attributes on exceptions: on the event and its span, or on the log record. Nothing else is touched.

    Of several exceptions in one span, the last one's attributes are the span's.
    """
    amended: list[tuple[Item, tuple[bytes, ...]]] = []
    parsed: dict[Item, Span | LogRecord] = {}
    for found, one in stamps:
        item = found.item
        if (found.position is not None and found.event_at is None) or stringzilla.find(item.data, _STAMPED) >= 0:
            parsed[item] = _stamped(parsed.get(item) or _parse(found), found.position, one.attributes)
        elif found.event_at is None:
            amended.append((item, (item.data, one.record)))
        else:
            amended.append((item, (*with_longer_event(item.data, found.event_at, one.event), one.span)))
    for item, carrier in parsed.items():
        amended.append((item, (carrier.SerializeToString(),)))
    payload.amend(amended)


def _parse(found: Found) -> Span | LogRecord:
    return (LogRecord if found.position is None else Span).FromString(found.item.data)


def _stamped(carrier: Span | LogRecord, position: int | None, attributes: Mapping[str, Scalar]) -> Span | LogRecord:
    """Put attributes on a carrier and its event, in place of those of an earlier pass."""
    event = [carrier.events[position]] if isinstance(carrier, Span) and position is not None else []
    for holder in (*event, carrier):
        _drop(holder.attributes, attributes)
        holder.attributes.extend(attribute(key, value) for key, value in attributes.items())
    return carrier


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

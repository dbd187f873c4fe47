"""Export requests without what may not stay in them: the rules of `redaction`, applied to serialised telemetry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from otel_insights import semconv, wire
from otel_insights.errors import BadData
from otel_insights.payload import Signal, attribute
from otel_insights.redaction import REDACTED, Redactor
from otel_insights.stack_reduction import Mode, frames, stack_hash

_DEEPEST: Final = 100
"""Levels that protobuf's parsers read; what is deeper no receiver takes."""
_LONGEST_CACHED: Final = 4096
_REDACTED_VALUE: Final = AnyValue(string_value=REDACTED).SerializeToString()
_NAMES: Final = frozenset({"unit", "schema_url", "severity_text", "trace_state", "event_name"})
_NAMED: Final = frozenset({"InstrumentationScope", "Metric"})
"""Messages whose own text is their name and no value: that of a library, or of a metric."""
_BYTES_VALUE: Final = AnyValue.DESCRIPTOR.fields_by_name["bytes_value"].number
_KEY: Final = KeyValue.DESCRIPTOR.fields_by_name["key"].number
_VALUE: Final = KeyValue.DESCRIPTOR.fields_by_name["value"].number
_STRING_VALUE: Final = AnyValue.DESCRIPTOR.fields_by_name["string_value"].number
_NUMBERS: Final = frozenset(AnyValue.DESCRIPTOR.fields_by_name[name].number for name in ("int_value", "double_value"))
_Clean = Callable[[bytes, int], bytes]


class RequestRedactor:
    """Cleans requests of any signal, byte for byte where nothing is found.

    What is unknown stays as it is: fields of later versions, and ids, which are bytes. A string that is no UTF-8 is
    cleaned as far as it is text. `stacktrace` tells what is left of the attribute `exception.stacktrace`. The redactor
    counts what was replaced; equal attributes are only looked at once, and counted each time.
    """

    def __init__(self, redactor: Redactor, stacktrace: Mode = "full") -> None:
        self.redactor = redactor
        self._stacktrace = stacktrace
        self._tables: dict[str, Mapping[int, _Clean]] = {}
        self._attributes = lru_cache(maxsize=8192)(self._attribute)
        self._texts = lru_cache(maxsize=4096)(self._cleaned)

    def request(self, signal: Signal, data: bytes) -> bytes:
        """Clean an export request. Raises BadData where the framing is broken; then nothing of it may be kept."""
        return self._message(signal.message.DESCRIPTOR, data, 0)

    def text(self, text: str) -> str:
        """Clean a text that may be in a request that is cleaned next, or was."""
        if len(text) > _LONGEST_CACHED:
            return self.redactor.text(text)
        before = self.redactor.count
        cleaned, count = self._texts(text)
        self.redactor.count = before + count
        return cleaned

    def _cleaned(self, text: str) -> tuple[str, int]:
        before = self.redactor.count
        return self.redactor.text(text), self.redactor.count - before

    def _message(self, kind: Descriptor, data: bytes, depth: int) -> bytes:
        if depth > _DEEPEST:
            raise BadData(f"more than {_DEEPEST} levels")
        table = self._tables.get(kind.full_name)
        if table is None:
            table = self._tables[kind.full_name] = self._table(kind)
        made: list[bytes] = []
        at = 0
        for number, start, body, end in wire.delimited_fields(data):
            clean = table.get(number)
            if clean is None:
                continue
            was = data[body:end]
            now = clean(was, depth + 1)
            if now != was:
                made += (data[at:start], wire.delimited(number, now))
                at = end
        return b"".join((*made, data[at:])) if made else data

    def _table(self, kind: Descriptor) -> Mapping[int, _Clean]:
        """Tell how the fields of a message are cleaned; those that are not in it hold nothing to clean."""
        found: dict[int, _Clean] = {}
        for field in kind.fields:
            if field.type == FieldDescriptor.TYPE_STRING and field.name not in _NAMES and kind.name not in _NAMED:
                found[field.number] = self._text
            elif field.message_type is KeyValue.DESCRIPTOR:
                found[field.number] = self._key_value
            elif field.type == FieldDescriptor.TYPE_MESSAGE:
                found[field.number] = self._message_of(field.message_type)
        if kind is AnyValue.DESCRIPTOR:
            found[_BYTES_VALUE] = self._text
        return found

    def _message_of(self, kind: Any) -> _Clean:  # noqa: ANN401 - protobuf's stubs leave it open
        return lambda data, depth: self._message(kind, data, depth)

    def _text(self, data: bytes, _depth: int) -> bytes:
        text = data.decode("utf-8", "surrogateescape")
        cleaned = self.text(text)
        return data if cleaned == text else cleaned.encode("utf-8", "surrogateescape")

    def _key_value(self, data: bytes, depth: int) -> bytes:
        if len(data) > _LONGEST_CACHED:
            return self._attribute(data, depth)[0]
        before = self.redactor.count
        cleaned, count = self._attributes(data, depth)
        self.redactor.count = before + count
        return cleaned

    def _attribute(self, data: bytes, depth: int) -> tuple[bytes, int]:
        """Clean an attribute, by its name and by what is in it; tells how many values were replaced."""
        before = self.redactor.count
        key, value = _parts(data)
        text = _string(value)
        if key in self.redactor.hashed and value:
            self.redactor.count += 1
            digest = self.redactor.digest(text or value.hex())
            cleaned = _with_value(data, AnyValue(string_value=digest).SerializeToString())
        elif self.redactor.hides(key, text or _number(value)):
            self.redactor.count += 1
            cleaned = _with_value(data, _REDACTED_VALUE)
        elif key == semconv.EXCEPTION_STACKTRACE and self._stacktrace != "full":
            cleaned = self._reduced(text)
        elif self.redactor.leaves(key, text):
            cleaned = data
        else:
            inner = self._message(AnyValue.DESCRIPTOR, value, depth)
            cleaned = data if inner == value else _with_value(data, inner)
        if (name := self.redactor.name(key)) != key:
            cleaned = _with_field(cleaned, _KEY, name.encode("utf-8", "replace"))
        return cleaned, self.redactor.count - before

    def _reduced(self, text: str) -> bytes:
        if self._stacktrace == "hash":
            return attribute(semconv.STACKTRACE_HASH, stack_hash(text)).SerializeToString()
        return attribute(semconv.EXCEPTION_STACKTRACE, self.redactor.text(frames(text))).SerializeToString()


def _parts(data: bytes) -> tuple[str, bytes]:
    """Read the name and the serialised value of an attribute."""
    key = value = b""
    for number, _, body, end in wire.delimited_fields(data):
        if number == _KEY:
            key = data[body:end]
        elif number == _VALUE:
            value += data[body:end]  # where it occurs twice, protobuf merges
    return key.decode("utf-8", "replace"), value


def _with_value(data: bytes, value: bytes) -> bytes:
    return _with_field(data, _VALUE, value)


def _with_field(data: bytes, field: int, content: bytes) -> bytes:
    kept = [
        data[start:end]
        for number, wire_type, (start, _, end) in wire.fields(data, 0, len(data))
        if (number, wire_type) != (field, wire.LENGTH)
    ]
    return b"".join((*kept, wire.delimited(field, content)))


def _number(value: bytes) -> int | None:
    """Give some number where the value is one."""
    return next((0 for number, _, _ in wire.fields(value, 0, len(value)) if number in _NUMBERS), None)


def _string(value: bytes) -> str:
    for number, _, body, end in wire.delimited_fields(value):
        if number == _STRING_VALUE:
            return value[body:end].decode("utf-8", "replace")
    return ""

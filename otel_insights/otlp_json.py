"""OTLP/JSON, both ways: protobuf's JSON with hexadecimal trace and span ids, and enumerations as integers.

Written for whole files of it: converters are made once per message type from protobuf's descriptors, so a new field of
OTLP needs no change here. Reading goes from JSON straight to serialised bytes.

Reference: "JSON Protobuf Encoding" of the OTLP specification, https://opentelemetry.io/docs/specs/otlp/
"""

import math
from base64 import b64encode
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from otel_insights.errors import BadData
from otel_insights.json_fields import HEX_FIELDS, Misfit, Write, scalar_writer, sized
from otel_insights.payload import ExportRequest, Signal
from otel_insights.wire import LENGTH, varint

Json: TypeAlias = Any
"""What a JSON parser returns."""

_Build: TypeAlias = Callable[[Json, int], bytes]
"""From a JSON value, and how deep in messages it stands, to the serialised message."""

_DEEPEST: Final = 100
"""Protobuf's own limit for messages within messages."""


def decode(signal: Signal, text: bytes | str | dict[str, Json]) -> ExportRequest:
    """Read an export request; raises BadData, which names the place (`resourceLogs[0].scopeLogs[0]...`).

    Unknown fields are ignored. Accepted beyond the letter of the specification, as protobuf's own JSON does: snake_case
    names, names of enumeration values, integers without quotes.
    """
    try:
        return signal.message.FromString(to_protobuf(signal, text))
    except DecodeError as error:
        raise BadData(f"not a valid {signal.message.__name__}: {error}") from error


def to_protobuf(signal: Signal, text: bytes | str | dict[str, Json]) -> bytes:
    """Read an export request into serialised bytes; as `decode`, and faster where nobody needs the message."""
    value = text if isinstance(text, dict) else parse(text)
    try:
        return _builder(signal.message.DESCRIPTOR)(value, 0)
    except Misfit as error:
        raise BadData(str(error)) from None


def parse(text: bytes | str) -> Json:
    """Parse JSON; raises BadData."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadData(f"not JSON: {error}") from error


def encode(message: ExportRequest) -> bytes:
    """Write an export request as one line of OTLP/JSON, without the line's end. Default values are left out."""
    return orjson.dumps(_reader(message.DESCRIPTOR)(message))


# --- from JSON -------------------------------------------------------------------------------------------------------

_builders: Final[dict[str, _Build]] = {}


def _builder(descriptor: Descriptor) -> _Build:
    made = _builders.get(descriptor.full_name)
    if made is None:
        table: dict[str, Write] = {}
        made = _message_builder(table)
        if descriptor.full_name == KeyValue.DESCRIPTOR.full_name:
            made = _key_value_builder(made)
        _builders[descriptor.full_name] = made  # before its fields, for messages contain one another
        for field in descriptor.fields:
            table[field.json_name] = table[field.name] = _field_writer(field)
    return made


def _message_builder(table: dict[str, Write]) -> _Build:
    writer_of = table.get

    def build(value: Json, depth: int) -> bytes:
        if type(value) is not dict:
            raise Misfit("an object", value)
        if depth > _DEEPEST:
            raise Misfit(f"at most {_DEEPEST} messages within one another", "more")
        parts = []
        key = None
        try:
            for key, content in value.items():
                write = writer_of(key)
                if write is not None and content is not None:
                    parts.append(write(content, depth))
        except Misfit as error:
            error.within(f".{key}")
            raise
        return b"".join(parts)

    return build


def _key_value_builder(general: _Build) -> _Build:
    """Write an attribute whose value is a scalar, nearly every one, in one go; `general` does the rest, errors too."""
    headers = [b"\x12" + varint(len(sized(text)) + 1) + b"\x0a" + varint(len(text)) for text in map(bytes, range(2048))]
    kinds = AnyValue.DESCRIPTOR.fields_by_name
    scalars = {
        kinds[kind].json_name: scalar_writer(kinds[kind]) for kind in ("bool_value", "int_value", "double_value")
    }

    def build(value: Json, depth: int) -> bytes:
        try:
            key, held = value["key"].encode(), value["value"]
            if len(value) == 2 and len(held) == 1 and depth < _DEEPEST:  # noqa: PLR2004
                text = held.get("stringValue")
                if text is not None:
                    text = text.encode()
                    return b"".join((b"\x0a", sized(key), headers[len(text)], text))
                for kind, content in held.items():
                    return b"".join((b"\x0a", sized(key), b"\x12", sized(scalars[kind](content, depth))))
        except (Misfit, KeyError, TypeError, AttributeError, IndexError, UnicodeEncodeError):
            pass
        return general(value, depth)

    return build


def _field_writer(field: FieldDescriptor) -> Write:
    descriptor = field.message_type
    if descriptor is None:
        return scalar_writer(field)
    tag = varint(field.number << 3 | LENGTH)
    build = _builder(descriptor)

    def write_one(value: Json, depth: int) -> bytes:
        return tag + sized(build(value, depth + 1))

    def write_all(values: Json, depth: int) -> bytes:
        if type(values) is not list:
            raise Misfit("an array", values)
        depth += 1
        parts: list[bytes] = []
        try:
            for value in values:
                parts += (tag, sized(build(value, depth)))
        except Misfit as error:
            error.within(f"[{len(parts) // 2}]")
            raise
        return b"".join(parts)

    return write_all if field.is_repeated else write_one


# --- to JSON ---------------------------------------------------------------------------------------------------------

_Read: TypeAlias = Callable[[Any], Json]
"""From a message or a field's value to what stands for it in JSON."""

_Table: TypeAlias = dict[str, tuple[str, _Read]]
"""Of every field of a message, its name in JSON, and how it is read."""

_tables: Final[dict[str, _Table]] = {}


def _reader(descriptor: Descriptor) -> _Read:
    general = _message_reader(_table(descriptor))
    if descriptor.full_name == KeyValue.DESCRIPTOR.full_name:
        return _key_value_reader(general, _table(AnyValue.DESCRIPTOR))
    return general


def _table(descriptor: Descriptor) -> _Table:
    table = _tables.get(descriptor.full_name)
    if table is None:
        table = _tables[descriptor.full_name] = {}  # before its fields, for messages contain one another
        for field in descriptor.fields:
            table[field.name] = (field.json_name, _field_reader(field))
    return table


def _message_reader(table: _Table) -> _Read:
    def read(message: Any) -> Json:  # noqa: ANN401
        out = {}
        for field, value in message.ListFields():
            name, convert = table[field.name]
            out[name] = convert(value)
        return out

    return read


def _key_value_reader(general: _Read, values: _Table) -> _Read:
    """Read an attribute in one go; `general` reads one that has no key or no value, or fields not known here."""
    if {field.name for field in KeyValue.DESCRIPTOR.fields} - {"key", "value", "key_strindex"}:
        return general

    def read(message: Any) -> Json:  # noqa: ANN401
        key, held = message.key, message.value
        kind = held.WhichOneof("value")
        if kind is None or not key or getattr(message, "key_strindex", False):
            return general(message)
        if kind == "string_value":
            return {"key": key, "value": {"stringValue": held.string_value}}
        name, convert = values[kind]
        return {"key": key, "value": {name: convert(getattr(held, kind))}}

    return read


def _field_reader(field: FieldDescriptor) -> _Read:
    one = _value_reader(field)
    return (lambda values: [one(value) for value in values]) if field.is_repeated else one


def _value_reader(field: FieldDescriptor) -> _Read:
    if field.message_type is not None:
        return _reader(field.message_type)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return bytes.hex if field.name in HEX_FIELDS else lambda value: b64encode(value).decode("ascii")
    if field.cpp_type in (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64):
        return str
    if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return _number
    return lambda value: value


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"

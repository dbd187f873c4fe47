"""One scalar field of OTLP/JSON, from its JSON value to its serialised bytes."""

import math
import struct
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from otel_insights.wire import FIXED32, FIXED64, LENGTH, VARINT, varint

Write: TypeAlias = Callable[[Any, int], bytes]
"""From the JSON value of a field, and how deep in messages it stands, to the serialised field with its tag."""

_Pack: TypeAlias = Callable[[Any], bytes]
"""From a JSON value to a serialised scalar without tag; raises Misfit."""

HEX_FIELDS: Final = frozenset({"trace_id", "span_id", "parent_span_id"})
"""The `bytes` fields that OTLP/JSON writes in hexadecimal; all others are base64, as in protobuf's JSON."""

_SIZES: Final = tuple(varint(size) for size in range(4096))


class Misfit(Exception):  # noqa: N818
    """A JSON value that does not fit the field; the place is put together on the way up."""

    def __init__(self, expected: str, got: object) -> None:
        super().__init__()
        self._expected = expected
        self._got = got
        self._path = ""

    def within(self, step: str) -> None:
        """Say that what was wrong stands at this step of something larger."""
        self._path = step + self._path

    def __str__(self) -> str:
        got = repr(self._got)
        shown = got if len(got) <= 60 else f"{got[:60]}..."  # noqa: PLR2004
        return f"{self._path.lstrip('.') or 'request'}: expected {self._expected}, got {shown}"


def sized(content: bytes) -> bytes:
    """Put the length in front."""
    size = len(content)
    return (_SIZES[size] if size < 4096 else varint(size)) + content  # noqa: PLR2004


def scalar_writer(field: FieldDescriptor) -> Write:
    """Make the converter of a field that is no message."""
    wire_type, pack = _packer(field)
    tag = varint(field.number << 3 | wire_type)
    if field.is_repeated:
        return _repeated(field.number, wire_type, tag, pack)
    # a member of a oneof, or an `optional` field, has a value even where that is the default one
    default = None if field.has_presence else b"\0" * {FIXED32: 4, FIXED64: 8}.get(wire_type, 1)

    def write(value: Any, _: int) -> bytes:  # noqa: ANN401
        content = pack(value)
        return b"" if content == default else tag + content

    return write


def _repeated(number: int, wire_type: int, tag: bytes, pack: _Pack) -> Write:
    packed_tag = varint(number << 3 | LENGTH)

    def write(values: Any, _: int) -> bytes:  # noqa: ANN401
        if type(values) is not list:
            raise Misfit("an array", values)
        parts: list[bytes] = []
        try:
            for value in values:
                parts.append(pack(value))  # noqa: PERF401  # the length tells where it went wrong
        except Misfit as error:
            error.within(f"[{len(parts)}]")
            raise
        if wire_type == LENGTH:
            return b"".join(tag + part for part in parts)
        return packed_tag + sized(b"".join(parts)) if parts else b""

    return write


def _packer(field: FieldDescriptor) -> tuple[int, _Pack]:
    kind = field.type
    if kind == FieldDescriptor.TYPE_STRING:
        return LENGTH, _string
    if kind == FieldDescriptor.TYPE_BYTES:
        return LENGTH, _hex if field.name in HEX_FIELDS else _base64
    if kind == FieldDescriptor.TYPE_BOOL:
        return VARINT, _bool
    if kind == FieldDescriptor.TYPE_DOUBLE:
        return FIXED64, _double
    if field.enum_type is not None:
        return VARINT, _enum(field.enum_type)
    return _INTEGERS[kind]


def _string(value: Any) -> bytes:  # noqa: ANN401
    if type(value) is not str:
        raise Misfit("a string", value)
    try:
        return sized(value.encode())
    except UnicodeEncodeError:
        raise Misfit("a string of Unicode characters", value) from None


def _hex(value: Any) -> bytes:  # noqa: ANN401
    try:
        content = bytes.fromhex(value)
    except (TypeError, ValueError):
        raise Misfit("hexadecimal digits, two a byte", value) from None
    if 2 * len(content) != len(value):  # fromhex skips spaces
        raise Misfit("hexadecimal digits, two a byte", value)
    return sized(content)


def _base64(value: Any) -> bytes:  # noqa: ANN401
    try:
        text = value.replace("-", "+").replace("_", "/").rstrip("=")
        return sized(b64decode(text + "=" * (-len(text) % 4), validate=True))
    except (AttributeError, TypeError, ValueError, Base64Error):
        raise Misfit("base64", value) from None


def _bool(value: Any) -> bytes:  # noqa: ANN401
    if value is True:
        return b"\1"
    if value is False:
        return b"\0"
    raise Misfit("true or false", value)


def _double(value: Any) -> bytes:  # noqa: ANN401
    try:
        if type(value) is str:
            return _PACK_DOUBLE(_NAMED_NUMBERS[value] if value in _NAMED_NUMBERS else _finite(value))
        if type(value) is not bool:
            return _PACK_DOUBLE(value)
    except (struct.error, ValueError, OverflowError):
        pass
    raise Misfit('a number, "NaN", "Infinity" or "-Infinity"', value)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or "_" in text or text != text.strip():
        raise ValueError(text)
    return number


_PACK_DOUBLE: Final = struct.Struct("<d").pack
_NAMED_NUMBERS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def _enum(enum: EnumDescriptor) -> _Pack:
    numbers = {name: value.number for name, value in enum.values_by_name.items()}

    def pack(value: Any) -> bytes:  # noqa: ANN401
        return _pack_int32(numbers[value] if type(value) is str and value in numbers else value)

    return pack


def _integer(low: int, high: int, pack: Callable[[int], bytes]) -> _Pack:
    expected = f"an integer from {low} to {high}"

    def checked(value: Any) -> bytes:  # noqa: ANN401
        if type(value) is int:
            number = value
        elif type(value) is str and len(value) < 21 and value.isdecimal() and value.isascii():  # noqa: PLR2004
            number = int(value)
        else:
            number = _whole(value, expected)
        if low <= number <= high:
            return pack(number)
        raise Misfit(expected, value)

    return checked


def _whole(value: object, expected: str) -> int:
    """Read an integer that is quoted, as OTLP wants 64-bit ones, or has a fraction of zero."""
    if isinstance(value, str):
        if not value.isascii() or len(value) > 64:  # noqa: PLR2004  # int() takes its time over thousands of digits
            raise Misfit(expected, value)
        if value.isdecimal() or (value[:1] == "-" and value[1:].isdecimal()):
            return int(value)
        try:
            value = _finite(value)
        except ValueError:
            raise Misfit(expected, value) from None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise Misfit(expected, value)


def _varint(value: int) -> bytes:
    return _SIZES[value] if value < 4096 else varint(value)  # noqa: PLR2004


def _signed(value: int) -> bytes:
    return _varint(value & 0xFFFF_FFFF_FFFF_FFFF)


def _zigzag(value: int) -> bytes:
    return _varint(-2 * value - 1 if value < 0 else 2 * value)


_pack_int32: Final = _integer(-(2**31), 2**31 - 1, _signed)
_INTEGERS: Final[dict[int, tuple[int, _Pack]]] = {
    FieldDescriptor.TYPE_INT32: (VARINT, _pack_int32),
    FieldDescriptor.TYPE_INT64: (VARINT, _integer(-(2**63), 2**63 - 1, _signed)),
    FieldDescriptor.TYPE_UINT32: (VARINT, _integer(0, 2**32 - 1, _varint)),
    FieldDescriptor.TYPE_UINT64: (VARINT, _integer(0, 2**64 - 1, _varint)),
    FieldDescriptor.TYPE_SINT32: (VARINT, _integer(-(2**31), 2**31 - 1, _zigzag)),
    FieldDescriptor.TYPE_SINT64: (VARINT, _integer(-(2**63), 2**63 - 1, _zigzag)),
    FieldDescriptor.TYPE_FIXED32: (FIXED32, _integer(0, 2**32 - 1, struct.Struct("<I").pack)),
    FieldDescriptor.TYPE_FIXED64: (FIXED64, _integer(0, 2**64 - 1, struct.Struct("<Q").pack)),
    FieldDescriptor.TYPE_SFIXED32: (FIXED32, _integer(-(2**31), 2**31 - 1, struct.Struct("<i").pack)),
    FieldDescriptor.TYPE_SFIXED64: (FIXED64, _integer(-(2**63), 2**63 - 1, struct.Struct("<q").pack)),
}

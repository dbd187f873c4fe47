"""The first bytes of a serialised data point: times and value, each a tag and 8 bytes, as SDKs and Collectors write."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

HEAD: Final = 27
_START, _TIME, _DOUBLE, _INT = 0x11, 0x19, 0x21, 0x31
_FIELDS: Final = np.dtype([("", "u1"), ("start", "<i8"), ("", "u1"), ("time", "<i8"), ("tag", "u1"), ("value", "<i8")])
_PACKED_INT: Final = struct.Struct("<BQBQBq")
_PACKED_DOUBLE: Final = struct.Struct("<BQBQBd")
NO_START: Final = bytes([_START, *[0] * 8])
_INT_TAG: Final = bytes([_INT])
_MORE: Final = 0x80
_MOST_INT: Final = 2**63 - 1


def head_of(raw: bytes) -> bytes | None:
    """Give the head of a number without a start; None where the point begins with something else."""
    return NO_START + raw[: HEAD - 9] if raw[:1] == b"\x19" and len(raw) >= HEAD - 9 else None


def packed(start_ns: int, time_ns: int, value: float) -> bytes:
    """Write the head of a point.

    >>> columns([packed(1, 2, 3.5), packed(0, 5, -7)])[2].tolist()
    [3.5, -7.0]
    """
    if isinstance(value, int) and value <= _MOST_INT:
        return _PACKED_INT.pack(_START, start_ns, _TIME, time_ns, _INT, value)
    return _PACKED_DOUBLE.pack(_START, start_ns, _TIME, time_ns, _DOUBLE, value)


def packed_numbers(numbers: Sequence[float]) -> bytes:
    """Write numbers of 8 bytes each, as protobuf packs them."""
    return struct.pack(f"<{len(numbers)}d", *numbers)


def columns(heads: Iterable[bytes]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Read heads: starts, times, values. A time that no calendar knows is below 0."""
    read = np.frombuffer(b"".join(heads), _FIELDS)
    ints = np.ascontiguousarray(read["value"])
    values = np.where(read["tag"] == _DOUBLE, ints.view(np.float64), ints.astype(np.float64))
    return np.ascontiguousarray(read["start"]), np.ascontiguousarray(read["time"]), values


def are_heads(heads: bytes, many: int) -> bool:
    """Whether these are so many heads of numbers.

    >>> are_heads(packed(1, 2, 3.5) + packed(0, 5, -7), 2), are_heads(packed(1, 2, 3.5), 2)
    (True, False)
    """
    return (
        len(heads) == HEAD * many
        and heads[::HEAD] == bytes([_START]) * many
        and heads[9::HEAD] == bytes([_TIME]) * many
        and not heads[18::HEAD].translate(None, _VALUES)
    )


_VALUES: Final = bytes([_DOUBLE, _INT])


def head_of_count(raw: bytes) -> bytes | None:
    """Give the head of a histogram that has a start, as that of a number: its count; None where it has another form."""
    if len(raw) < HEAD or raw[0] != _START or raw[9] != _TIME or raw[18] != _DOUBLE:  # that of a fixed64
        return None
    if raw[HEAD - 1] >= _MORE:  # more than an int64 holds
        return None
    return raw[:18] + _INT_TAG + raw[19:HEAD]


class _Sizes(dict[bytes, tuple[int, int]]):
    """Where packed buckets begin and end within their field, given its first three bytes; nowhere if these do not tell.

    They do where there are at most 2,047 buckets.
    """

    def __missing__(self, beginning: bytes) -> tuple[int, int]:
        tag, low, high = beginning.ljust(3, b"\xff")
        if tag != 0x32 or low & high >= _MORE:  # noqa: PLR2004 - `bucket_counts`
            return 0, 0
        found = (2, 2 + low) if low < _MORE else (3, 3 + (low & 0x7F) + (high << 7))
        self[beginning] = found
        return found


_SIZES: Final = _Sizes()


def buckets_of(raw: bytes) -> tuple[bytes, bytes]:
    r"""Find the packed counts of a histogram that has a head, and what follows them but for `min` and `max`.

    >>> buckets_of(bytes(27) + b"\x32\x08" + bytes(8) + b"\x4a\x00")
    (b'\x00\x00\x00\x00\x00\x00\x00\x00', b'J\x00')
    """
    at = HEAD + 9 if raw[HEAD : HEAD + 1] == _SUM else HEAD
    first, after = _SIZES[raw[at : at + 3]]
    if after > len(raw) - at:
        return b"", b""
    first, after, end = at + first, at + after, len(raw)
    if raw[end - 9 : end - 8] == _MAX and end - 9 >= after:
        end -= 9
    if raw[end - 9 : end - 8] == _MIN and end - 9 >= after:
        end -= 9
    return raw[first:after], raw[after:end]


_SUM, _MIN, _MAX = b"\x29", b"\x59", b"\x61"

"""The first bytes of a serialised data point: times and value, each a tag and 8 bytes, as SDKs and Collectors write."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis.histograms import Explicit

HEAD: Final = 27
_START, _TIME, _DOUBLE, _INT = 0x11, 0x19, 0x21, 0x31
_FIELDS: Final = np.dtype([("", "u1"), ("start", "<i8"), ("", "u1"), ("time", "<i8"), ("tag", "u1"), ("value", "<i8")])
_PACKED_INT: Final = struct.Struct("<BQBQBq")
_PACKED_DOUBLE: Final = struct.Struct("<BQBQBd")
_NO_START: Final = bytes([_START, *[0] * 8])
_INT_TAG: Final = bytes([_INT])
_MORE: Final = 0x80
_MOST_INT: Final = 2**63 - 1


def head_of(raw: bytes) -> bytes | None:
    """Give the head of a number without a start; None where the point begins with something else."""
    return _NO_START + raw[: HEAD - 9] if raw[:1] == b"\x19" and len(raw) >= HEAD - 9 else None


def packed(start_ns: int, time_ns: int, value: float) -> bytes:
    """Write the head of a point.

    >>> columns([packed(1, 2, 3.5), packed(0, 5, -7)])[2].tolist()
    [3.5, -7.0]
    """
    if isinstance(value, int) and value <= _MOST_INT:
        return _PACKED_INT.pack(_START, start_ns, _TIME, time_ns, _INT, value)
    return _PACKED_DOUBLE.pack(_START, start_ns, _TIME, time_ns, _DOUBLE, value)


def columns(heads: Iterable[bytes]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Read heads: starts, times, values. A time that no calendar knows is below 0."""
    read = np.frombuffer(b"".join(heads), _FIELDS)
    ints = np.ascontiguousarray(read["value"])
    values = np.where(read["tag"] == _DOUBLE, ints.view(np.float64), ints.astype(np.float64))
    return np.ascontiguousarray(read["start"]), np.ascontiguousarray(read["time"]), values


class RegularHistogram(NamedTuple):
    """A point of a histogram with explicit bounds, without exemplars."""

    head: bytes
    """As that of a number: its count is the value."""
    tail: bytes
    """Attributes and flags."""
    spread: Explicit


def regular_histogram(raw: bytes) -> RegularHistogram | None:
    """Read a point that is written as usual: times, count, sum, buckets, bounds, attributes, lowest, highest."""
    head = raw if raw[:1] == b"\x11" else _NO_START + raw
    at = HEAD + 9 if len(head) > HEAD and head[HEAD] == 0x29 else HEAD  # noqa: PLR2004 - tag of `sum`
    counts = _numbers_at(head, at, 0x32)
    bounds = counts and _numbers_at(head, counts[1], 0x3A)
    if not counts or not bounds or head[9] != _TIME or head[18] != _DOUBLE:
        return None
    buckets = _integers(len(counts[0]) // 8).unpack(counts[0])
    edges = _bounds(bounds[0])
    end = len(head)
    if end - bounds[1] >= 9 and head[end - 9] == 0x61:  # noqa: PLR2004 - tag of `max`
        end -= 9
    if end - bounds[1] >= 9 and head[end - 9] == 0x59:  # noqa: PLR2004 - tag of `min`
        end -= 9
    if len(buckets) != len(edges) + 1:
        return None
    return RegularHistogram(head[:18] + _INT_TAG + head[19:HEAD], head[bounds[1] : end], Explicit(buckets, edges))


def _numbers_at(data: bytes, at: int, tag: int) -> tuple[bytes, int] | None:
    """Read packed numbers of 8 bytes each, and tell where they end; None where there are none."""
    if len(data) < at + 3 or data[at] != tag:
        return None
    size, body = data[at + 1], at + 2
    if size >= _MORE:
        size, body = size - _MORE + (data[at + 2] << 7), at + 3
        if data[at + 2] >= _MORE:
            return None
    end = body + size
    return (data[body:end], end) if end <= len(data) and not size % 8 else None


@lru_cache(maxsize=1024)
def _integers(many: int) -> struct.Struct:
    return struct.Struct(f"<{many}Q")


@lru_cache(maxsize=1024)
def _bounds(serialised: bytes) -> tuple[float, ...]:
    return tuple(np.frombuffer(serialised, "<f8").tolist())

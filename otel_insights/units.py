"""What people write with a unit or a zone: durations as Go writes them, sizes in bytes, times of ISO 8601."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")
_BYTES = {
    "": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30,
}  # fmt: skip
_SIZE = re.compile(r"(\d+)\s*([KMG]i?B|B|)")


def seconds(value: Any) -> float:  # noqa: ANN401 - whatever a configuration holds
    """Read a duration. Raises ValueError for a bare number other than 0: nobody can tell its unit.

    Floats are taken as they are, since only defaults in code are floats; YAML's come as text here or are refused.

    >>> seconds("1m30s"), seconds("200ms"), seconds(0)
    (90.0, 0.2, 0.0)
    """
    if isinstance(value, str) and _DURATION.fullmatch(value.strip()):
        return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(value))
    if value in (0, "0") and not isinstance(value, bool):
        return 0.0
    if isinstance(value, float):
        return value
    raise ValueError(f"expected a duration with its unit, such as 10s, 200ms or 1m30s, got {value!r}")


_FRACTION = re.compile(r"(?<=\d)\.(\d+)")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


def epoch_ns(time: str | datetime) -> int:
    """Give a time, or its text in ISO 8601, in nanoseconds since the epoch; it is UTC where it names no zone.

    Raises ValueError for another text.

    >>> epoch_ns("1970-01-01T01:00:01+01:00"), epoch_ns("1970-01-01T00:00:00.000005Z")
    (1000000000, 5000)
    >>> epoch_ns("1970-01-01T00:00:01.5Z"), epoch_ns("1970-01-01T00:00:01.123456789Z")
    (1500000000, 1123456000)
    """
    known = datetime.fromisoformat(_plain(time.strip())) if isinstance(time, str) else time
    return ((known if known.tzinfo else known.replace(tzinfo=timezone.utc)) - _EPOCH) // _MICROSECOND * 1000


def _plain(time: str) -> str:
    """Write a time as Python 3.10 reads it: no Z, and a fraction of six digits."""
    return _FRACTION.sub(lambda found: f".{found[1][:6]:0<6}", time.replace("Z", "+00:00"))


def size(value: Any) -> int:  # noqa: ANN401 - likewise
    """Read a number of bytes. Raises ValueError for anything else.

    >>> size("64MiB"), size(4096)
    (67108864, 4096)
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and (found := _SIZE.fullmatch(value.strip())):
        return int(found[1]) * _BYTES[found[2]]
    raise ValueError(f"expected a number of bytes, such as 64MiB or 4096, got {value!r}")


Duration = Annotated[
    float, BeforeValidator(seconds), PlainSerializer(lambda value: f"{value:.15g}s", str, when_used="json")
]
"""Seconds; written with a unit in the configuration."""
ByteSize = Annotated[int, BeforeValidator(size)]
"""Bytes; may be written with a unit in the configuration."""

"""What an application tells of itself: events, and errors of which it has the text."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import get_args

from otel_insights.client import plain
from otel_insights.client.guard import guarded, once
from otel_insights.client.instrumentation import HANDLED, MECHANISM, allowed, installed
from otel_insights.client.settings import Level

RECORD_UID = "log.record.uid"
SAMPLING_RATE = "sampling.rate"
"""On an event that stands for several: 0.05 of them were kept."""
_FRAME = '  File "'
_LONGEST_TYPE = 256
_LATEST = 1 << 34
"""Seconds: nanoseconds until then have 64 bits."""


def record_event(
    name: str,
    attributes: Mapping[str, object] | None = None,
    *,
    sampling_rate: float | None = None,
    timestamp: float | None = None,
    level: Level = "info",
) -> str:
    """Report that something happened, and give the record's id (`log.record.uid`). Nothing without instrument().

    Of an event that happens very often a share is kept, which the record tells: `sampling_rate`, above 0 and at most 1;
    None: as `instrument(sampling=...)` says. `timestamp`: Unix time in seconds, now by default. `level`: how much it
    matters; below `instrument(level=...)` it is not sent, and of what is an `error` every one is.
    """
    id_ = str(uuid.uuid4())
    guarded(_record)(name, id_, attributes, sampling_rate, timestamp, level)
    return id_


def _record(
    name: str,
    id_: str,
    attributes: Mapping[str, object] | None,
    rate: float | None,
    timestamp: float | None,
    level: str,
) -> None:
    ours = installed()
    if ours is None:
        return
    if level not in get_args(Level):
        once(f"the level {plain.plain(level)!r} of the event {plain.text(name)}, none of {', '.join(get_args(Level))},")
        level = "info"
    if not ours.settings.tells(level):
        return
    rate = 1.0 if level == "error" else _rate(name, ours.settings.sampling) if rate is None else rate
    if not isinstance(rate, (int, float)) or not 0 < rate <= 1:
        once(f"the sampling rate {plain.plain(rate)!r} of the event {plain.text(name)}, not above 0 and at most 1,")
        rate = 1.0
    if rate < 1 and random.random() >= rate:  # noqa: S311 - no secret
        return
    from opentelemetry._logs import SeverityNumber  # noqa: PLC0415 - the SDK is loaded by who uses it

    told = {**allowed(attributes), RECORD_UID: id_} | ({SAMPLING_RATE: rate} if rate < 1 else {})
    severity = SeverityNumber[level.upper()]
    ours.emit(name, severity, told, timestamp_ns=None if timestamp is None else _nanoseconds(timestamp))


def _nanoseconds(timestamp: float) -> int | None:
    seconds = plain.measured(timestamp)
    if seconds is None or not 0 <= seconds < _LATEST:
        once(f"the timestamp {plain.plain(timestamp)!r} of an event, which is no Unix time in seconds,")
        return None
    return int(seconds * 1e9)


def _rate(name: str, sampling: Mapping[str, float]) -> float:
    return next((rate for pattern, rate in sampling.items() if fnmatchcase(plain.text(name), pattern)), 1.0)


@guarded
def send_error_event(
    message: str, tb: str = "", event_name: str = "exception", extra: Mapping[str, object] | None = None
) -> None:
    """Report an error of which only texts are at hand: a message, and a stack trace. Never sampled."""
    ours = installed()
    if ours is None:
        return
    from otel_insights.client.description import (  # noqa: PLC0415
        LONGEST_MESSAGE,
        MESSAGE,
        STACKTRACE,
        STACKTRACE_HASH,
        TYPE,
        tail,
    )
    from otel_insights.client.pipeline import ERROR  # noqa: PLC0415
    from otel_insights.stack_reduction import frames, stack_hash  # noqa: PLC0415

    told = {**allowed(extra), MESSAGE: plain.text(message)[:LONGEST_MESSAGE], MECHANISM: "manual", HANDLED: True}
    trace = plain.text(tb or "")
    if type_ := _type_of(trace):
        told[TYPE] = type_
    if trace and ours.settings.stacktrace == "hash":
        told[STACKTRACE_HASH] = stack_hash(trace)
    elif trace:
        text = frames(trace) if ours.settings.stacktrace == "frames" else trace
        told[STACKTRACE] = tail(text, ours.settings.max_stacktrace)
    ours.emit(event_name, ERROR, told)


def _type_of(tb: str) -> str:
    r"""Read the type from a Python traceback: it begins the first line after the last frame. A message may have lines.

    >>> _type_of('Traceback (most recent call last):\n  File "a.py", line 1, in f\nshop.NoStock: none left\nof pears')
    'shop.NoStock'
    """
    lines = tb.rstrip().split("\n")
    last = max((number for number, line in enumerate(lines) if line.startswith(_FRAME)), default=len(lines) - 2)
    word = next((line for line in lines[last + 1 :] if line and not line[0].isspace()), "").partition(":")[0]
    is_type = last >= 0 and len(word) < _LONGEST_TYPE and word.replace(".", "_").isidentifier()
    return word if is_type else ""

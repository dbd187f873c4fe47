"""Which log events have come, by name, and which of those that one expects have not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from otel_insights import environment, semconv
from otel_insights.errors import BadData
from otel_insights.payload import Payload, Signal
from otel_insights.report import rfc3339
from otel_insights.store import windows
from otel_insights.store.engine import Database

MOST_BYTES: Final = 16 * 2**20
"""Of the window of log records that are read, the latest; what came before is not counted."""
_EVENT_NAME: Final = b"\x62"
"""Begins the field `event_name` of a log record (12, length-delimited)."""
KNOWN: Final[Mapping[str, str]] = {
    semconv.PACKAGE_INFO_EVENT: "`instrument()`, at the start of a process and hourly",
    semconv.EXCEPTION_EVENT: "`instrument()` and `record_exception`, for each exception",
    "session.start": "`start_session`",
    "session.end": "`end_session`",
    semconv.FEATURE_FLAG_EVENT: "OpenFeature, or `record_event`",
    semconv.RUN_START: "`track_run` and `start_run`",
    semconv.RUN_END: "`track_run` and `end_run`",
    semconv.QT_MESSAGE: "`instrument()`, where Qt warns",
}
"""Events that applications are known to send, and who sends them."""


_LAST_NS: Final = 253_402_300_799 * 10**9
"""The end of the year 9999: no calendar goes further."""


@dataclass(slots=True)
class Seen:
    """An event that came, from all services together."""

    name: str
    first_ns: int
    last_ns: int
    count: int = 0
    services: set[str] = field(default_factory=set)


def seen(db: Database, service: str = "", since_ns: int = 0, most_bytes: int = MOST_BYTES) -> list[Seen]:
    """Count the events in the window of log records by name, the most frequent first.

    Neither those of our own nor records without a name count. Nothing is found without the processor `logs`.
    """
    ours = db.execute("SELECT value FROM setting WHERE name = 'instance_id'").fetchone()[0]
    found: dict[str, Seen] = {}
    for block in windows.LOGS.blocks(db, None, since_ns, (service.encode("utf-8", "replace"), b"")):
        most_bytes -= len(block.data)
        if most_bytes < 0:
            break
        _count(found, block.data, service, ours)
    return sorted(found.values(), key=lambda one: (-one.count, one.name))


def _count(found: dict[str, Seen], data: bytes, service: str, ours: str) -> None:
    try:
        for item in Payload(Signal.LOGS, data).search(_EVENT_NAME):
            sender = environment.read(item.resource)
            if sender is None or sender.key.instance == ours or service not in ("", sender.key.service):
                continue
            record = LogRecord.FromString(item.data)
            if record.event_name:
                time_ns = min(record.time_unix_nano or record.observed_time_unix_nano, _LAST_NS)
                one = found.setdefault(record.event_name, Seen(record.event_name, time_ns, time_ns))
                one.count += 1
                one.services.add(sender.key.service)
                one.first_ns, one.last_ns = min(one.first_ns, time_ns), max(one.last_ns, time_ns)
    except (BadData, DecodeError):  # what cannot be read is not counted
        pass


def missing(events: Iterable[Seen], expected: Sequence[str]) -> list[str]:
    """Tell which of these did not come."""
    names = {one.name for one in events}
    return [name for name in expected if name not in names]


def shown(events: Sequence[Seen], expected: Sequence[str] = ()) -> dict[str, Any]:
    """Write what came, and what did not: of those expected, or of those known where none is named."""
    return {
        "seen": [
            {
                "name": one.name,
                "count": one.count,
                "services": sorted(one.services),
                "first": rfc3339(one.first_ns),
                "last": rfc3339(one.last_ns),
            }
            for one in events
        ],
        "missing": [
            {"name": name, "told_by": KNOWN.get(name, "`record_event`")}
            for name in missing(events, expected or list(KNOWN))
        ],
    }

"""The latest log records as people ask for them: by service, level, time, template and text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from otel_insights import environment, semconv
from otel_insights.environment import Sender
from otel_insights.errors import BadData
from otel_insights.payload import Item, Payload, Signal
from otel_insights.report import rfc3339
from otel_insights.store import windows
from otel_insights.store.corrections import WrongCorrection
from otel_insights.store.engine import Database
from otel_insights.store.windows import Block
from otel_insights.units import epoch_ns, seconds

LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_MOST_BYTES = 16 * 2**20
"""Read for one answer: what has not been looked at then begins the next page."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which records are asked for; what is empty does not matter."""

    service: str = ""
    level: str = ""
    """This one or a more severe one."""
    since_ns: int = 0
    template: str = ""
    """A template's id."""
    text: str = ""
    """Is in the body, whatever the case."""

    def __post_init__(self) -> None:
        """Check the level. Raises WrongCorrection for an unknown one."""
        if self.level and self.level.upper() not in LEVELS:
            raise WrongCorrection(f"expected a level of {', '.join(LEVELS)}, got {self.level!r}")

    @property
    def least(self) -> int:
        """The lowest severity number that is asked for."""
        return 4 * LEVELS.index(self.level.upper()) + 1 if self.level else 0


def since(text: str, now_ns: int) -> int:
    """Read how long ago (15m, 2h), or a time (ISO 8601, UTC if it names no zone). Raises WrongCorrection.

    What lies before 1970 is 1970; what no store could hold is its last moment.

    >>> since("1h", 3600 * 10**9), since("1970-01-01T00:00:01Z", 0), since("", 5)
    (0, 1000000000, 0)
    """
    if not text:
        return 0
    try:
        return now_ns - int(min(seconds(text) * 1e9, now_ns))
    except ValueError:
        pass
    try:
        return min(max(0, epoch_ns(text)), 2**63 - 1)
    except ValueError:
        raise WrongCorrection(f"expected a time such as 2026-12-31T12:00:00Z, or 15m for ago, got {text!r}") from None


def latest(db: Database, asked: Asked, limit: int, cursor: str = "") -> tuple[list[dict[str, Any]], str | None]:
    """Read the latest records that are asked for, the last one first, and where to go on; None at the end.

    The last to arrive comes first; within a request, the last by its time. A page may hold fewer than `limit`, or none,
    where much had to be read for it. Raises WrongCorrection for a cursor that is none.
    """
    upto, skip = _place(cursor)
    ours = db.execute("SELECT value FROM setting WHERE name = 'instance_id'").fetchone()[0]
    holding = asked.service.encode("utf-8", "replace"), asked.template.encode("utf-8", "replace")
    found: list[dict[str, Any]] = []
    read = 0
    seen: set[tuple[bytes, bytes]] = set()
    for block in windows.LOGS.blocks(db, upto, asked.since_ns, holding):
        if read > _MOST_BYTES:
            return found, f"{block.upto}.0"
        read += len(block.data)
        rows = _rows(block, asked, ours, seen)
        for number, row in enumerate(rows[skip:], skip):
            if len(found) == limit:
                return found, f"{block.upto}.{number}"
            found.append(row)
        skip = 0
    return found, None


def _place(cursor: str) -> tuple[int | None, int]:
    if not cursor:
        return None, 0
    upto, _, skip = cursor.partition(".")
    if not (upto.isdecimal() and skip.isdecimal() and len(cursor) < 40):  # noqa: PLR2004 - of two numbers
        raise WrongCorrection(f"expected the `next` of the page before, got {cursor!r}")
    return min(int(upto), 2**63 - 1), int(skip)


def _rows(block: Block, asked: Asked, ours: str, seen: set[tuple[bytes, bytes]]) -> list[dict[str, Any]]:
    """Give the records of a request that are asked for, the last by its time first; one that came again is left out."""
    found: list[tuple[int, dict[str, Any]]] = []
    try:
        for item, sender in _items(block, asked, ours):
            record = LogRecord.FromString(item.data)
            time = record.time_unix_nano or record.observed_time_unix_nano
            if not _fits(record, time, asked) or (item.resource, item.data) in seen:
                continue
            row = _row(record, time, sender)
            if asked.text.lower() in row["body"].lower() and asked.template in ("", row["template_id"]):
                seen.add((item.resource, item.data))
                found.append((time, row))
    except (BadData, DecodeError):  # what cannot be read is not shown
        pass
    found.sort(key=lambda pair: -pair[0])
    return [row for _, row in found]


def _items(block: Block, asked: Asked, ours: str) -> Iterator[tuple[Item, Sender]]:
    for item in Payload(Signal.LOGS, block.data).items():
        sender = environment.read(item.resource)
        if sender and sender.key.instance != ours and asked.service in ("", sender.key.service):
            yield item, sender


def _fits(record: LogRecord, time_ns: int, asked: Asked) -> bool:
    return record.severity_number >= asked.least and (not asked.since_ns or time_ns >= asked.since_ns)


def _row(record: LogRecord, time_ns: int, sender: Sender) -> dict[str, Any]:
    values = environment.text_of(record.attributes)
    number = record.severity_number
    body = record.body.string_value or environment.text_of([KeyValue(key="body", value=record.body)])["body"]
    return {
        "time": rfc3339(min(time_ns, _LAST_NS)),
        "namespace": sender.key.namespace,
        "service": sender.key.service,
        "instance": sender.key.instance,
        "severity": LEVELS[(number - 1) // 4]
        if 0 < number <= 4 * len(LEVELS)
        else record.severity_text or "UNSPECIFIED",
        "body": body or record.event_name,
        "template_id": values.pop(semconv.LOG_TEMPLATE_ID, ""),
        "template": values.pop(semconv.LOG_RECORD_TEMPLATE, ""),
        "trace_id": record.trace_id.hex(),
        "span_id": record.span_id.hex(),
        "attributes": values,
    }


_LAST_NS = 253_402_300_799 * 10**9
"""The end of the year 9999: no calendar goes further."""

"""Log records as their template is asked for: the sentence, where it was logged, what the sender says of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import stringzilla
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from otel_insights import semconv
from otel_insights.analysis.bodies import sentence_of_fields
from otel_insights.payload import LOG_RECORD_ATTRIBUTES, Item, attribute_bytes
from otel_insights.weights import stands_for

_FILE: Final = ("code.file.path", "code.filepath")
_FUNCTION: Final = ("code.function.name", "code.function")
_LINE: Final = ("code.line.number", "code.lineno")
_NAMED: Final = (semconv.LOG_RECORD_TEMPLATE, "{OriginalFormat}", "message_template.text", "messageTemplate")
_WANTED: Final = frozenset(
    (
        *(*_FILE, *_FUNCTION, *_LINE, *_NAMED),
        *(semconv.LOG_COUNT, semconv.SAMPLING_RATE, semconv.EXCEPTION_TYPE, semconv.LOG_TEMPLATE_ID),
    )
)
_SIGNS: Final = (
    *(b"code.", b"emplate", b"{OriginalFormat}", b"exception.type"),
    *(semconv.LOG_COUNT.encode(), semconv.SAMPLING_RATE.encode()),
)
"""One of these is in every record that has an attribute which is wanted."""
_PLACE_HOLDER: Final = re.compile(r"\{[^{}]*\}|<[^<>]*>|%\(?\w*\)?[a-z]")
_LETTER: Final = re.compile(r"[^\W\d_]")
_OURS: Final = b"otel_insights."
_STAMPED: Final = semconv.LOG_TEMPLATE_ID.encode()
_SEVERITIES: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_BY_NUMBER: Final = {number: _SEVERITIES[(number - 1) // 4] for number in range(1, 4 * len(_SEVERITIES) + 1)}


@dataclass(slots=True)
class LogLine:
    """A log record, as far as its template is concerned."""

    item: Item
    text: str
    """What is mined; never empty."""
    severity: str
    """The range of its severity number (logs data model), or what the sender calls it."""
    time_ns: int
    """When it was logged; 0 where the record names no time that can be one."""
    site: str = ""
    """Where in the code it was logged; "" if that is not told."""
    known: str = ""
    """The template that the sender names; "" if none."""
    weight: int = 1
    has_template: bool = False
    """Whether the record has a `log.record.template` of the sender's."""

    @property
    def record(self) -> LogRecord:
        """Parse it whole."""
        return LogRecord.FromString(self.item.data)


def signs(data: bytes) -> list[bytes]:
    """Tell what a request may hold of attributes that are wanted; to be given to `read` for each of its records."""
    return [one for one in _SIGNS if one in data]


def read(item: Item, signs: list[bytes]) -> LogLine | None:
    """Read a record; None for one that says nothing. Raises DecodeError where it does not parse."""
    data = item.data
    seen = glance(data)
    if seen is not None:
        site = ""
        for sign in signs:
            if sign in data:
                found = _site_at_once(data) if sign == _CODE else None
                if found is None:
                    break
                site = found
        else:
            return LogLine(item, seen[0], seen[1], seen[2], site)
    return _read_whole(item, LogRecord.FromString(data))


def glance(data: bytes) -> tuple[str, str, int] | None:
    """Read text, severity and time of a record as SDKs and Collectors write it; None for any that is written otherwise.

    That is: fields in the order of their numbers, a body that is a string. Nearly every record is; and what is read so
    is what a parser would read, but for fields that come twice.
    """
    head = _HEAD.match(data)
    if head is None:
        return None
    at, size = head.end(), head[3]
    length = size[0] if len(size) == 1 else (size[0] & 0x7F) + (size[1] << 7)
    time = int.from_bytes(head[1], "little")
    try:
        text = data[at : at + length].decode()
    except UnicodeDecodeError:
        return None
    if not 0 < time < _TOO_LATE or not text or text.isspace() or at + length > len(data):
        return None
    return text, _BY_NUMBER[head[2][0]], time


_SHORT: Final = rb"[\x00-\x7f]|[\x80-\xff][\x00-\x7f]"
_HEAD: Final = re.compile(
    # fields 1 (time), 2 and 3 (severity) and 5 (body) of LogRecord, and 1 of AnyValue: a string
    rb"\x09(.{8})\x10([\x01-\x18])(?:\x1a[\x00-\x7f][A-Za-z0-9]*)?\x2a(?:%b)\x0a(%b)" % (_SHORT, _SHORT),
    re.DOTALL,
)
_TOO_LATE: Final = 2**63
_CODE: Final = b"code."
_LAST: Final = b"code.line.number\x12"


def _site_at_once(data: bytes) -> str | None:
    """Read the place in the code where its attributes stand side by side, the line last; None where they do not."""
    first, last = data.find(_CODE), data.find(_LAST)
    if last <= first or (end := last + len(_LAST) + 1) > len(data):
        return None
    raw = data[first : end + data[end - 1]]
    site = _sites.get(raw)
    if site is None:
        values = _values(LogRecord.FromString(data))
        if len(raw) > _LONGEST_SITE or b"\x32" not in raw or not any(name in values for name in _FILE):
            return None
        if len(_sites) >= _MOST_SITES:
            _sites.clear()
        site = _sites[raw] = _site(values)
    return site


_sites: dict[bytes, str] = {}
_MOST_SITES: Final = 10_000
_LONGEST_SITE: Final = 512


def _read_whole(item: Item, record: LogRecord) -> LogLine | None:
    text = _text(record.body) or record.event_name
    values = _values(record)
    known = _known(values)
    if not text or text.isspace():
        text = known = values[semconv.EXCEPTION_TYPE].string_value if semconv.EXCEPTION_TYPE in values else ""
        if not text:
            return None
    weight = stands_for(
        values[semconv.LOG_COUNT].int_value if semconv.LOG_COUNT in values else 1,
        values[semconv.SAMPLING_RATE].double_value if semconv.SAMPLING_RATE in values else 1.0,
    )
    return LogLine(
        item,
        text,
        _BY_NUMBER.get(record.severity_number) or record.severity_text.upper()[:16] or "UNSPECIFIED",
        next((one for one in (record.time_unix_nano, record.observed_time_unix_nano) if 0 < one < _TOO_LATE), 0),
        _site(values),
        known,
        weight,
        semconv.LOG_RECORD_TEMPLATE in values and semconv.LOG_TEMPLATE_ID not in values,
    )


def _values(record: LogRecord) -> dict[str, AnyValue]:
    return {one.key: one.value for one in record.attributes if one.key in _WANTED}


def digest(line: LogLine) -> int:
    """Hash a record, as it was before any of our stamps, to 64 bits."""
    data = line.item.data
    if _OURS in data:
        record = line.record
        kept = [
            one
            for one in record.attributes
            if not one.key.startswith(semconv.SCOPE) and (line.has_template or one.key != semconv.LOG_RECORD_TEMPLATE)
        ]
        del record.attributes[:]
        record.attributes.extend(kept)
        data = record.SerializeToString(deterministic=True)
    return int(stringzilla.hash(data))


def may_be_stamped(data: bytes) -> bool:
    """Tell whether something in a request may have been stamped by an earlier pass."""
    return _STAMPED in data


def without_stamps(line: LogLine) -> bytes:
    """Give a record without what an earlier pass has stamped."""
    if _STAMPED not in line.item.data:
        return line.item.data
    record = line.record
    kept = [one for one in record.attributes if not _is_of_earlier_pass(one.key, line)]
    del record.attributes[:]
    record.attributes.extend(kept)
    return record.SerializeToString()


def _is_of_earlier_pass(key: str, line: LogLine) -> bool:
    if key.startswith(semconv.LOG_RECORD_TEMPLATE):
        return not line.has_template
    return key == semconv.LOG_TEMPLATE_ID


def stamp_of(id_: str, template: str) -> tuple[bytes, bytes]:
    """Serialise the attributes of a template: all of them, and the id alone."""
    id_only = attribute_bytes(LOG_RECORD_ATTRIBUTES, semconv.LOG_TEMPLATE_ID, id_)
    return attribute_bytes(LOG_RECORD_ATTRIBUTES, semconv.LOG_RECORD_TEMPLATE, template) + id_only, id_only


def parameters(values: tuple[str, ...]) -> bytes:
    """Serialise what stands in the places of a template, as the Collector's drain processor names it."""
    return b"".join(
        attribute_bytes(LOG_RECORD_ATTRIBUTES, f"{semconv.LOG_RECORD_TEMPLATE_PARAMETER}.{number}", value)
        for number, value in enumerate(values)
    )


def _text(body: AnyValue) -> str:
    kind = body.WhichOneof("value")
    if kind == "string_value":
        return body.string_value
    if kind == "kvlist_value":
        return sentence_of_fields({one.key: one.value.string_value for one in body.kvlist_value.values})
    if kind in ("int_value", "double_value", "bool_value"):
        return str(getattr(body, kind))
    return ""


def _known(values: dict[str, AnyValue]) -> str:
    """Give the template that the sender names, unless we have stamped it or it is nothing but a place holder."""
    for name in _NAMED:
        if name in values and _LETTER.search(_PLACE_HOLDER.sub("", values[name].string_value)):
            if name == semconv.LOG_RECORD_TEMPLATE and semconv.LOG_TEMPLATE_ID in values:
                continue
            return values[name].string_value
    return ""


def _site(values: dict[str, AnyValue]) -> str:
    """Name the place in the code; a file or a function without a line is no single call."""
    line = next((values[name].int_value for name in _LINE if name in values), 0)
    if not line:
        return ""
    file = next((values[name].string_value for name in _FILE if name in values), "")
    function = next((values[name].string_value for name in _FUNCTION if name in values), "")
    return f"{file}:{function}:{line}" if file or function else ""

"""What log events say of a run: `run.start`, `run.end`, `run.commit`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from otel_insights import semconv
from otel_insights.environment import Sender
from otel_insights.store.runs import STATUSES, Told, Value, as_json_text

_KINDS: Final[Mapping[str, Literal["start", "end", "commit"]]] = {
    semconv.RUN_START: "start",
    semconv.RUN_END: "end",
    semconv.RUN_COMMIT: "commit",
}
_TEXTS: Final = {
    semconv.RUN_AGENT: ("agent_name", 256),
    semconv.RUN_JOB_TYPE: ("job_type", 256),
    semconv.RUN_PRODUCT: ("product", 256),
    semconv.RUN_PLATFORM: ("platform", 256),
    semconv.RUN_INSIGHT_ID: ("insight_id", 256),
    semconv.RUN_INPUT_SUMMARY: ("input_summary", 1000),
    semconv.RUN_OUTPUT_SUMMARY: ("output_summary", 1000),
    semconv.RUN_ERROR_SUMMARY: ("error_summary", 500),
    semconv.RUN_ERROR_DETAILS: ("error_details", 5000),
    semconv.VCS_REPOSITORY: ("git_repo", 1000),
    semconv.VCS_BRANCH: ("git_branch", 256),
    semconv.VCS_REVISION: ("git_commit_hash", 256),
    semconv.RUN_COMMIT_SOURCE: ("commit_source", 32),
    semconv.RUN_COMMIT_AUTHOR: ("commit_author", 256),
}
"""Attribute -> column, and its longest text in characters."""
_ITEMS: Final = f"{semconv.RUN_ITEMS}."
_METRICS: Final = f"{semconv.RUN_METRIC}."
_RESULTS: Final = ("discovered", "succeeded", "failed", "skipped")
_LONGEST_ID: Final = 256
_MOST_INT: Final = 2**63 - 1


def read(data: bytes, sender: Sender, max_duration: float) -> Told | None:
    """Read a serialised LogRecord; None for one that tells of no run. `max_duration` (s) is for runs that tell none."""
    try:
        record = LogRecord.FromString(data)
    except DecodeError:
        return None
    kind = _KINDS.get(record.event_name)
    attributes = _plain(record.attributes)
    event_id = attributes.pop(semconv.RUN_ID, "")
    if kind is None or not isinstance(event_id, str) or not 0 < len(event_id) <= _LONGEST_ID:
        return None
    time_ns = min(record.time_unix_nano or record.observed_time_unix_nano, _MOST_INT)
    values = _texts(attributes) | _counts(attributes)
    if kind != "commit":
        values |= {"namespace": sender.key.namespace, "service": sender.key.service, "instance": sender.key.instance}
        values |= {"trace_id": record.trace_id or None, "span_id": record.span_id or None}
    if kind == "start":
        values |= _start(attributes, time_ns, max_duration)
    elif kind == "end":
        values |= _end(attributes, time_ns)
    return Told(event_id, kind, values)


def _texts(attributes: dict[str, Any]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, (column, most) in _TEXTS.items():
        if name in attributes and (text := str(attributes.pop(name))):
            found[column] = text[-most:] if column == "error_details" else text[:most]
    return found


def _counts(attributes: dict[str, Any]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for result in _RESULTS:
        count = attributes.pop(_ITEMS + result, None)
        if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
            found[f"items_{result}"] = count
    return found


def _start(attributes: Mapping[str, Any], time_ns: int, max_duration: float) -> dict[str, Value]:
    asked = attributes.get(semconv.RUN_MAX_DURATION)
    seconds = asked if isinstance(asked, int | float) and 0 < asked < _MOST_SECONDS else max_duration
    rest = {key: value for key, value in attributes.items() if not key.startswith(_NOT_CONTEXT)}
    due_ns = time_ns + int(seconds * 1e9) if time_ns else None
    return {"start_ns": time_ns or None, "due_ns": due_ns, "context_json": as_json_text(rest)}


_NOT_CONTEXT: Final = (f"{semconv.SCOPE}.", "log.record.")
"""What is ours, or stamped on the way."""
_MOST_SECONDS: Final = 10 * 365 * 86_400.0


def _end(attributes: Mapping[str, Any], time_ns: int) -> dict[str, Value]:
    status, duration = attributes.get(semconv.RUN_STATUS), attributes.get(semconv.RUN_DURATION)
    values: dict[str, Value] = {
        "status": status if isinstance(status, str) and status in STATUSES[1:] else "failed",
        "end_ns": time_ns or None,
        "metrics_json": as_json_text(
            {key.removeprefix(_METRICS): value for key, value in attributes.items() if key.startswith(_METRICS)}
        ),
    }
    if isinstance(duration, int | float) and 0 <= duration < _MOST_SECONDS:
        values["duration_ms"] = round(duration * 1000)
        values["start_ns"] = max(time_ns - int(duration * 1e9), 0) or None
    return values


def _plain(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    return {one.key: _value(one.value) for one in attributes}


def _value(value: AnyValue) -> Any:  # noqa: ANN401 - whatever an attribute holds
    """Give a value as JSON has it; protobuf reads no more than a hundred levels."""
    kind = value.WhichOneof("value")
    if kind == "kvlist_value":
        return _plain(value.kvlist_value.values)
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return value.bytes_value.hex() if kind == "bytes_value" else getattr(value, kind) if kind else None

"""JSON -> OTLP: how what comes by the API is written as telemetry. The same JSON gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otel_insights import semconv
from otel_insights.payload import Payload
from otel_insights.units import epoch_ns

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LAST = datetime(2262, 1, 1, tzinfo=timezone.utc)
_SEVERITIES = {
    "TRACE": logs_pb2.SEVERITY_NUMBER_TRACE,
    "DEBUG": logs_pb2.SEVERITY_NUMBER_DEBUG,
    "INFO": logs_pb2.SEVERITY_NUMBER_INFO,
    "NOTICE": logs_pb2.SEVERITY_NUMBER_INFO2,
    "WARN": logs_pb2.SEVERITY_NUMBER_WARN,
    "WARNING": logs_pb2.SEVERITY_NUMBER_WARN,
    "ERROR": logs_pb2.SEVERITY_NUMBER_ERROR,
    "CRITICAL": logs_pb2.SEVERITY_NUMBER_FATAL,
    "FATAL": logs_pb2.SEVERITY_NUMBER_FATAL,
}


def nanoseconds(time: datetime) -> int:
    """Give a time in nanoseconds since the epoch; without a zone it is UTC. Raises ValueError for one out of range.

    >>> nanoseconds(datetime(1970, 1, 1, 0, 0, 1, 5))
    1000005000
    """
    known = time if time.tzinfo else time.replace(tzinfo=timezone.utc)
    if not _EPOCH < known < _LAST:
        raise ValueError(f"expected a time after 1970 and before 2262, got {time.isoformat()}")
    return epoch_ns(known)


def severity(level: str) -> int:
    """Give the number of a level's name, 0 for one that nobody knows.

    >>> severity("Warning")
    13
    """
    return _SEVERITIES.get(level.strip().upper(), 0)


def key_values(values: Mapping[str, Any]) -> list[KeyValue]:
    """Write JSON members as attributes; null is left out."""
    return [KeyValue(key=_text(key), value=_any(value)) for key, value in values.items() if value is not None]


def _any(value: Any) -> AnyValue:  # noqa: ANN401 - any JSON
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, Mapping):
        return _within(AnyValue(kvlist_value=KeyValueList(values=key_values(value))), value)
    if isinstance(value, list):
        return _within(AnyValue(array_value=ArrayValue(values=map(_any, value))), value)
    return AnyValue(string_value="" if value is None else _text(str(value)))


_MOST_DEPTH = 32


def _within(made: AnyValue, value: Any) -> AnyValue:  # noqa: ANN401 - any JSON
    """Keep a value that protobuf can read back, which takes a hundred levels at most; write another as JSON text."""
    return made if _depth(value) <= _MOST_DEPTH else AnyValue(string_value=_text(json.dumps(value)))


def _depth(value: Any) -> int:  # noqa: ANN401 - any JSON
    if isinstance(value, Mapping):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _text(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON can hold and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode()


def resource(values: Mapping[str, Any]) -> Resource:
    """Describe who sends; empty values are left out."""
    return Resource(attributes=key_values({key: value for key, value in values.items() if value != ""}))


def record(
    time_ns: int,
    attributes: Mapping[str, Any],
    *,
    body: str = "",
    event: str = "",
    level: str = "",
) -> logs_pb2.LogRecord:
    """Write a log record, or with `event` a log event."""
    made = logs_pb2.LogRecord(
        time_unix_nano=time_ns,
        observed_time_unix_nano=time_ns,
        severity_number=severity(level),  # type: ignore[arg-type] # an enum is an int
        severity_text=_text(level),
        event_name=_text(event),
        attributes=key_values(attributes),
    )
    if body:
        made.body.string_value = _text(body)
    return made


def package(name: str, version: str, time_ns: int) -> logs_pb2.LogRecord:
    """Write that a package is installed, as the convention of the Java instrumentation has it."""
    values = {semconv.PACKAGE_NAME: name, semconv.PACKAGE_VERSION: version}
    return record(time_ns, values, event=semconv.PACKAGE_INFO_EVENT, level="INFO")


def logs(sender: Resource, records: Iterable[logs_pb2.LogRecord]) -> Payload:
    """Make a request of log records of one sender."""
    request = ExportLogsServiceRequest()
    request.resource_logs.add(resource=sender).scope_logs.add().log_records.extend(records)
    return Payload.of(request)


def gauge(sender: Resource, name: str, value: float, time_ns: int, labels: Mapping[str, Any]) -> Payload:
    """Make a request of one metric point."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add(resource=sender).scope_metrics.add().metrics.add(name=_text(name))
    metric.gauge.data_points.add(time_unix_nano=time_ns, as_double=value, attributes=key_values(labels))
    return Payload.of(request)

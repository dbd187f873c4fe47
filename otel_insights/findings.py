"""Findings as OTLP: log records for what happened, metrics for how much of it there is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2

from otel_insights import semconv
from otel_insights.payload import attribute
from otel_insights.store.outbox import Finding

Value = str | bool | int | float | Sequence[str] | Sequence[int]

_SEVERITY = {
    "INFO": logs_pb2.SEVERITY_NUMBER_INFO,
    "WARN": logs_pb2.SEVERITY_NUMBER_WARN,
    "ERROR": logs_pb2.SEVERITY_NUMBER_ERROR,
}


def finding(
    event: str,
    subject: str,
    body: str,
    attributes: Mapping[str, Value],
    *,
    time_ns: int,
    severity: str = "WARN",
    trace_id: bytes = b"",
    span_id: bytes = b"",
) -> Finding:
    """Make a log event of a finding. Its id follows from the event and its subject: a repeat has the same.

    `body` is for people; `time_ns` is when it happened; trace and span lead to an exemplar.
    """
    id_ = hashlib.blake2b(f"{event}\0{subject}".encode(), digest_size=8).hexdigest()
    record = logs_pb2.LogRecord(
        event_name=event,
        time_unix_nano=time_ns,
        observed_time_unix_nano=time_ns,
        severity_number=_SEVERITY[severity],
        severity_text=severity,
        body=common_pb2.AnyValue(string_value=body),
        trace_id=trace_id,
        span_id=span_id,
    )
    record.attributes.extend(_attributes({semconv.FINDING_ID: id_, **attributes}))
    return Finding(id_, record.SerializeToString())


def _attributes(values: Mapping[str, Value]) -> Iterable[common_pb2.KeyValue]:
    for key, value in values.items():
        if isinstance(value, (str, bool, int, float)):
            yield attribute(key, value)
        else:
            items = [attribute(key, one).value for one in value]
            yield common_pb2.KeyValue(
                key=key, value=common_pb2.AnyValue(array_value=common_pb2.ArrayValue(values=items))
            )


def our_resource(instance_id: str) -> resource_pb2.Resource:
    """Describe ourselves: what comes back to us with this resource is forwarded, never analysed."""
    return resource_pb2.Resource(
        attributes=[
            attribute(semconv.SERVICE_NAME, semconv.SERVICE_NAME_OF_OURS),
            attribute(semconv.SERVICE_INSTANCE_ID, instance_id),
        ]
    )


def our_scope() -> common_pb2.InstrumentationScope:
    """Name the scope that all of our own telemetry carries."""
    return common_pb2.InstrumentationScope(name=semconv.SCOPE)

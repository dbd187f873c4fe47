"""The fleet of `demo`: environments that really were built and run, as the telemetry that they send."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import SEVERITY_NUMBER_INFO, LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otel_insights import semconv
from otel_insights.payload import Payload, Scalar, attribute

INSTANCES = 3
"""Processes that each real environment stands for: what was run once, a deployment runs on several machines."""
REQUESTS = 200
"""Requests that a process served well, where the program ran."""
ATTEMPTS = 3
"""Requests that failed in a process where it did not run; it serves none well."""
SERVICE, NAMESPACE = "orders", "demo"


@dataclass(frozen=True, slots=True)
class Built:
    """A virtual environment, and what came of running a program in it."""

    python: str
    arch: str
    packages: Mapping[str, str]
    variables: Mapping[str, str]
    exception: Mapping[str, str] | None
    """`exception.type`, `exception.message`, `exception.stacktrace`; None where all went well."""


def incompatibilities() -> dict[str, list[Built]]:
    """Read what ships with the package: the environments of each incompatibility."""
    data = files("otel_insights").joinpath("demo_data/incompatibilities.jsonl.gz").read_bytes()
    found: dict[str, list[Built]] = {}
    for line in gzip.decompress(data).splitlines():
        row = json.loads(line)
        found.setdefault(row["incompat"], []).append(_built(row))
    return found


def _built(row: Mapping[str, Any]) -> Built:
    exception = None
    if row["outcome"] == "fail":
        exception = {
            semconv.EXCEPTION_TYPE: row["exc_type"],
            semconv.EXCEPTION_MESSAGE: row["exc_message"],
            semconv.EXCEPTION_STACKTRACE: row["stacktrace"],
        }
    return Built(row["python"], row["arch"], row["packages"], row["env_vars"], exception)


def telemetry(fleet: Sequence[Built], now_ns: int) -> Iterator[Payload]:
    """Give what all instances send: their packages, and requests that all went well, or that all failed."""
    for number, built in enumerate(fleet):
        for instance in (f"{number}-{copy}" for copy in range(INSTANCES)):
            yield _logs(_resource(built, instance), built, now_ns)
            for attempt in range(ATTEMPTS if built.exception else 0):
                yield failed_request(built, instance, attempt, now_ns)


def failed_request(built: Built, instance: str, attempt: int, now_ns: int) -> Payload:
    """Give one failed request as its span, the way the SDK records it."""
    request = ExportTraceServiceRequest()
    part = request.resource_spans.add(resource=_resource(built, instance))
    what = f"{instance} {attempt} {now_ns}".encode()
    span = part.scope_spans.add().spans.add(
        trace_id=hashlib.blake2b(what, digest_size=16).digest(),
        span_id=hashlib.blake2b(what, digest_size=8).digest(),
        name="POST /orders",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=now_ns,
        end_time_unix_nano=now_ns + 12_000_000,
        attributes=_attributes({"http.request.method": "POST", "http.route": "/orders"}),
        status=Status(code=Status.STATUS_CODE_ERROR),
    )
    span.events.add(name=semconv.EXCEPTION_EVENT, time_unix_nano=now_ns, attributes=_attributes(built.exception or {}))
    return Payload.of(request)


def _resource(built: Built, instance: str) -> Resource:
    return Resource(
        attributes=_attributes(
            {
                semconv.SERVICE_NAMESPACE: NAMESPACE,
                semconv.SERVICE_NAME: SERVICE,
                semconv.SERVICE_INSTANCE_ID: f"{SERVICE}-{instance}",
                "process.runtime.version": built.python,
                "host.arch": built.arch,
                **{f"process.environment_variable.{name}": value for name, value in built.variables.items()},
            }
        )
    )


def _logs(resource: Resource, built: Built, now_ns: int) -> Payload:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add(resource=resource).scope_logs.add().log_records
    for name, version in built.packages.items():
        packaged = {semconv.PACKAGE_NAME: name, semconv.PACKAGE_VERSION: version}
        records.append(_record(now_ns, "", packaged, semconv.PACKAGE_INFO_EVENT))
    if not built.exception:
        records.append(_record(now_ns, "order served", {semconv.LOG_COUNT: REQUESTS}))
    return Payload.of(request)


def _record(now_ns: int, body: str, values: Mapping[str, Scalar], event: str = "") -> LogRecord:
    record = LogRecord(
        event_name=event,
        time_unix_nano=now_ns,
        severity_number=SEVERITY_NUMBER_INFO,
        attributes=_attributes(values),
    )
    record.body.string_value = body
    return record


def _attributes(values: Mapping[str, Scalar]) -> list[Any]:
    return [attribute(key, value) for key, value in values.items()]

"""Telemetry for tests: real protobuf messages with real tracebacks."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import stores
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_insights.component import Accepted, Component, ComponentId
from otel_insights.payload import Payload, attribute
from otel_insights.selfmetrics import SelfMetrics
from otel_insights.store import Store
from otel_insights.worker import Worker

T0 = 1_700_000_000_000_000_000
MINUTE = 60 * 10**9


def resource(instance: str = "i-1", service: str = "shop", namespace: str = "", **attributes: str) -> Resource:
    values = {"service.name": service, "service.instance.id": instance, "service.namespace": namespace}
    values |= {key.replace("__", "."): value for key, value in attributes.items()}
    return Resource(attributes=[attribute(key, value) for key, value in values.items() if value])


def charge(amount: int) -> None:
    raise ValueError(f"no card can be charged {amount} cents")


def look_up(order: str) -> None:
    {}[order]


def raised(function, *args) -> dict[str, str]:
    """Raise for real, and give what the SDK records of it."""
    try:
        function(*args)
    except Exception as error:  # noqa: BLE001 - whatever it raises is what is wanted
        return {
            "exception.type": type(error).__qualname__,
            "exception.message": str(error),
            "exception.stacktrace": "".join(traceback.format_exception(error)),
        }
    raise AssertionError("expected it to raise")


def span(
    number: int, *exceptions: Mapping[str, str], trace: int | None = None, parent: int = 0, name: str = "GET /"
) -> Span:
    made = Span(
        trace_id=(trace or number).to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        name=name,
        start_time_unix_nano=T0 + number,
        end_time_unix_nano=T0 + number + 1_000,
    )
    for exception in exceptions:
        made.events.add(
            name="exception",
            time_unix_nano=T0 + number + 500,
            attributes=[attribute(key, value) for key, value in exception.items()],
        )
    return made


def spans(*made: Span, of: Resource | None = None) -> Payload:
    request = ExportTraceServiceRequest()
    request.resource_spans.add(resource=of or resource()).scope_spans.add().spans.extend(made)
    return Payload.of(request)


def log(body: str = "", attributes: Mapping[str, str | int] | None = None, *, event: str = "", **fields) -> LogRecord:
    record = LogRecord(event_name=event, time_unix_nano=T0, severity_number=9, **fields)
    record.body.string_value = body
    record.attributes.extend(attribute(key, value) for key, value in (attributes or {}).items())
    return record


def package(name: str, version: str) -> LogRecord:
    return log("", {"package.name": name, "package.version": version}, event="package.info")


def logs(*records: LogRecord, of: Resource | None = None) -> Payload:
    request = ExportLogsServiceRequest()
    request.resource_logs.add(resource=of or resource()).scope_logs.add().log_records.extend(records)
    return Payload.of(request)


def gauge(points: Mapping[int, float], *, name: str = "queue.depth", of: Resource | None = None) -> Payload:
    """Write the values of a series by their minutes."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add(resource=of or resource()).scope_metrics.add().metrics.add(name=name)
    for minute, value in points.items():
        metric.gauge.data_points.add(time_unix_nano=T0 + minute * MINUTE, as_double=value)
    return Payload.of(request)


def values(attributes) -> dict[str, object]:
    kinds = {one.key: (one.value, one.value.WhichOneof("value")) for one in attributes}
    return {key: None if kind is None else getattr(value, kind) for key, (value, kind) in kinds.items()}


@dataclass
class FakeHost:
    """A host with a real store, worker and counters; time stands until a test moves it."""

    worker: Worker
    store: Store = field(default_factory=stores.opened)
    metrics: SelfMetrics = field(default_factory=SelfMetrics)
    now: int = T0

    @property
    def instance_id(self) -> str:
        return self.store.instance_id

    def now_ns(self) -> int:
        return self.now


@dataclass
class Sink:
    """A next hop that keeps what it gets, and answers as told."""

    got: list[Payload] = field(default_factory=list)
    answers: list[Accepted | Exception] = field(default_factory=list)

    async def __call__(self, payload: Payload) -> Accepted:
        answer = self.answers.pop(0) if self.answers else Accepted()
        if isinstance(answer, Exception):
            raise answer
        self.got.append(Payload(payload.signal, payload.data))
        return answer

    def spans(self) -> list[Span]:
        return [
            one
            for payload in self.got
            for part in getattr(payload.message(), "resource_spans", ())
            for scope in part.scope_spans
            for one in scope.spans
        ]

    def logs(self) -> list[LogRecord]:
        return [
            one
            for payload in self.got
            for part in getattr(payload.message(), "resource_logs", ())
            for scope in part.scope_logs
            for one in scope.log_records
        ]


def build(factory, **settings) -> Component:
    return factory.build(ComponentId(factory.type), factory.settings(**settings))


async def passing(processors: Sequence, payload: Payload, sink: Sink) -> Accepted:
    """Send a payload through processors to a sink."""
    consume = sink
    for processor in reversed(processors):
        consume = _before(processor, consume)
    return await consume(payload)


def _before(processor, following):
    async def consume(payload):
        return await processor.process(payload, following)

    return consume

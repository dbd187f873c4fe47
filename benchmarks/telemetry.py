"""Export requests as applications send them: four resources, spans of about 1 KB, real tracebacks."""

import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from benchmarks.failures import WORDS, Failure, failures
from otel_insights.payload import Scalar, Signal, attribute

_RESOURCES = 4
_FAILURES = 400
"""Distinct failures, stack and message: a service has that many on a bad day."""
_START = 1_760_000_000_000_000_000
_POINT_TIME = _START + 10**10
_WITHIN = 5 * 10**9
"""Nanoseconds over which the telemetry of one request is spread."""
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
_QUERY = (
    "SELECT o.id, o.total, o.created_at, u.email FROM orders o JOIN users u ON u.id = o.user_id"
    " WHERE o.id = %s AND u.tenant = %s ORDER BY o.created_at DESC LIMIT 50"
)


@dataclass(frozen=True, slots=True)
class Request:
    """A serialised request, and where in it the ids lie that make its telemetry new."""

    signal: Signal
    items: int
    data: bytes
    _trace_ids: NDArray[np.int64]
    """Offsets, a row of 16 for each."""
    _tokens: NDArray[np.int64]
    """Offsets of request ids in messages, a row of 32 for each place where one stands."""
    _token_of: NDArray[np.int64]
    """Which of the tokens stands there."""
    _times: NDArray[np.int64]
    """Offsets of the times of metric points, a row of 8 for each."""

    def fresh(self, rng: np.random.Generator) -> bytes:
        """The same request with trace ids, request ids in messages, and times of points that were never seen before."""
        new = np.frombuffer(self.data, np.uint8).copy()
        if len(self._times):
            new[self._times] = np.frombuffer(time.time_ns().to_bytes(8, "little"), np.uint8)
            return new.tobytes()
        new[self._trace_ids] = rng.integers(0, 256, self._trace_ids.shape, np.uint8)
        if len(self._tokens):
            tokens = rng.choice(_HEX, (int(self._token_of.max()) + 1, 32))
            new[self._tokens] = tokens[self._token_of]
        return new.tobytes()


_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


def request(signal: Signal, items: int, share: float = 0.0, *, distinct: bool = False) -> Request:
    """Build a request in which a share of the spans or log records fails; the same arguments give the same bytes.

    With `distinct` every exception has a message of its own, and so a stack trace of its own; else they are taken from
    400 different ones.
    """
    rng = random.Random(7)
    build = {Signal.TRACES: _traces, Signal.LOGS: _logs, Signal.METRICS: _metrics}[signal]
    tokens: list[str] = []
    ids: list[bytes] = []

    def failure() -> Failure | None:
        if rng.random() >= share:
            return None
        tokens.append(f"{rng.getrandbits(128):032x}")
        return rng.choice(_pool()).of_request(tokens[-1] if distinct else "0" * 32)

    data = build(rng, items, failure, ids).SerializeToString()
    places = [
        (at, number) for number, token in enumerate(tokens if distinct else ()) for at in _all(data, token.encode())
    ]
    return Request(
        signal,
        items,
        data,
        _offsets(_in_order(data, ids), 16),
        _offsets([at for at, _ in places], 32),
        np.array([number for _, number in places], np.int64),
        _offsets(_all(data, b"\x19" + _POINT_TIME.to_bytes(8, "little"), 1) if signal is Signal.METRICS else [], 8),
    )


@lru_cache(maxsize=1)
def _pool() -> list[Failure]:
    return failures(random.Random(11), _FAILURES)


def _offsets(starts: Iterable[int], length: int) -> NDArray[np.int64]:
    return np.array(list(starts), np.int64).reshape(-1, 1) + np.arange(length)


def _in_order(data: bytes, ids: list[bytes]) -> list[int]:
    found, at = [], 0
    for id_ in ids:
        at = data.index(id_, at)
        found.append(at)
        at += len(id_)
    return found


def _all(data: bytes, token: bytes, further: int = 0) -> Iterator[int]:
    at = data.find(token)
    while at >= 0:
        yield at + further
        at = data.find(token, at + len(token))


def _resource(number: int) -> Resource:
    attributes: dict[str, Scalar] = {
        "service.name": f"svc-{number}",
        "service.version": f"1.{number}.0",
        "service.instance.id": f"627cc493-f310-47de-96bd-71410b7dec{number:02x}",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": "1.30.0",
        "deployment.environment.name": "production",
        "host.name": f"ip-10-0-{number}-{number}",
        "process.pid": 1000 + number,
        "k8s.pod.name": f"svc-{number}-7f9c-{number:04x}",
    }
    return Resource(attributes=[attribute(key, value) for key, value in attributes.items()])


def _traces(rng: random.Random, items: int, failure: Any, ids: list[bytes]) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    for number in range(_RESOURCES):
        part = made.resource_spans.add(resource=_resource(number), schema_url="https://opentelemetry.io/schemas/1.30.0")
        for library in ("fastapi", "sqlalchemy"):
            scope = part.scope_spans.add()
            scope.scope.name, scope.scope.version = f"opentelemetry.instrumentation.{library}", "0.51b0"
            for _ in range(max(1, items // _RESOURCES // 2)):
                _fill_span(rng, scope.spans.add(), failure())
                ids.append(scope.spans[-1].trace_id)
                if len(ids) == items:
                    return made
    return made


def _fill_span(rng: random.Random, span: Span, failed: Failure | None) -> None:
    route = f"/api/v1/{rng.choice(WORDS)}/{{id}}/{rng.choice(WORDS)}"
    start = _START + rng.randrange(_WITHIN)
    span.trace_id, span.span_id, span.parent_span_id = rng.randbytes(16), rng.randbytes(8), rng.randbytes(8)
    span.name, span.kind, span.flags = f"GET {route}", Span.SPAN_KIND_SERVER, 0x101
    span.start_time_unix_nano, span.end_time_unix_nano = start, start + rng.randrange(10**9)
    url = f"https://shop.example.com{route.replace('{id}', str(rng.randrange(10**9)))}?page={rng.randrange(100)}"
    attributes: dict[str, Scalar] = {
        "http.request.method": "GET",
        "http.route": route,
        "url.full": url,
        "http.response.status_code": 200,
        "server.address": "shop.example.com",
        "server.port": 443,
        "client.address": f"10.1.{rng.randrange(255)}.{rng.randrange(255)}",
        "user_agent.original": _AGENT,
        "db.query.text": _QUERY,
        "thread.id": 139872345,
        "app.sample_rate": 0.25,
        "app.context": f"{rng.getrandbits(128):032x}" * 3,
    }
    span.attributes.extend(attribute(key, value) for key, value in attributes.items())
    if rng.random() < 0.3:
        missed = span.events.add(name="cache.miss", time_unix_nano=start + 5)
        missed.attributes.append(attribute("cache.key", f"user:{rng.randrange(10**6)}"))
    span.status.code = 2 if failed else 1
    if failed:
        event = span.events.add(name="exception", time_unix_nano=start + 100)
        event.attributes.extend(attribute(key, value) for key, value in _recorded(failed).items())
        event.attributes.append(attribute("exception.escaped", "False"))
        span.status.message = f"{failed.type}: {failed.message}"


def _recorded(failed: Failure) -> dict[str, Scalar]:
    return {
        "exception.type": failed.type,
        "exception.message": failed.message,
        "exception.stacktrace": failed.stacktrace,
    }


def _logs(rng: random.Random, items: int, failure: Any, ids: list[bytes]) -> ExportLogsServiceRequest:
    made = ExportLogsServiceRequest()
    for number in range(_RESOURCES):
        scope = made.resource_logs.add(resource=_resource(number)).scope_logs.add()
        scope.scope.name = f"app.{number}"
        for _ in range(items // _RESOURCES):
            _fill_record(rng, scope.log_records.add(), failure())
            ids.append(scope.log_records[-1].trace_id)
    return made


def _fill_record(rng: random.Random, record: LogRecord, failed: Failure | None) -> None:
    record.time_unix_nano = record.observed_time_unix_nano = _START + rng.randrange(_WITHIN)
    record.severity_number, record.severity_text = (17, "ERROR") if failed else (9, "INFO")
    record.body.string_value = (
        f"processed {rng.choice(WORDS)} {rng.choice(WORDS)} for user {rng.randrange(10**6)}"
        f" in {rng.randrange(1000)} ms ({rng.getrandbits(128):032x})"
    )
    attributes: dict[str, Scalar] = {
        "code.file.path": f"/srv/app/{rng.choice(WORDS)}.py",
        "code.function.name": rng.choice(WORDS),
        "code.line.number": rng.randrange(999),
        "thread.name": "MainThread",
        **(_recorded(failed) if failed else {}),
    }
    record.attributes.extend(attribute(key, value) for key, value in attributes.items())
    record.trace_id, record.span_id, record.flags = rng.randbytes(16), rng.randbytes(8), 1


_KINDS = 32


def _metrics(rng: random.Random, items: int, _failure: Any, _ids: list[bytes]) -> ExportMetricsServiceRequest:
    made = ExportMetricsServiceRequest()
    for number in range(_RESOURCES):
        scope = made.resource_metrics.add(resource=_resource(number)).scope_metrics.add()
        scope.scope.name = "app"
        for kind in range(_KINDS):
            metric = scope.metrics.add(name=f"app.metric.{kind}", unit="ms", description="a metric")
            for point in range(items // _RESOURCES // _KINDS):
                _add_point(rng, metric, kind, point)
    return made


def _add_point(rng: random.Random, metric: Metric, kind: int, point: int) -> None:
    if kind % 3 == 0:
        metric.gauge.data_points.add().as_double = rng.random() * 100
        added: Any = metric.gauge.data_points[-1]
    elif kind % 3 == 1:
        metric.sum.is_monotonic, metric.sum.aggregation_temporality = True, 2
        metric.sum.data_points.add().as_int = rng.randrange(10**6)
        added = metric.sum.data_points[-1]
    else:
        metric.histogram.aggregation_temporality = 2
        added = metric.histogram.data_points.add(sum=1234.5, min=0.1, max=999.0)
        added.explicit_bounds.extend([0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000])
        added.bucket_counts.extend(rng.randrange(100) for _ in range(16))
        added.count = sum(added.bucket_counts)
    added.start_time_unix_nano, added.time_unix_nano = _START, _POINT_TIME
    values = {"http.route": f"/api/{point}", "http.request.method": "GET", "pod": f"p{point}"}
    added.attributes.extend(attribute(key, value) for key, value in values.items())

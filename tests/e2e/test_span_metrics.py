"""The processor `span_metrics` tells what the Collector's span metrics connector tells, of the same spans."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from e2e.arrived import read
from e2e.processes import Process, eventually, free_port
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from otlp_samples import T0, FakeHost, build, resource, values

from otel_insights.component import Accepted
from otel_insights.payload import Payload
from otel_insights.processors.span_metrics import FACTORY

pytestmark = pytest.mark.e2e

# some are bounds of the connector's buckets
TOOK_MS = (0, 1.5, 2, 2.001, 9.5, 10, 49, 99, 500, 15_000, 60_000)
Told = dict[tuple[str, frozenset[tuple[str, object]]], tuple[object, ...]]


def request() -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    for service in ("shop", "pay"):
        spans = made.resource_spans.add(resource=resource("i-1", service)).scope_spans.add().spans
        for kind in Span.SpanKind.values():
            for code in Status.StatusCode.values():
                for number, took in enumerate(TOOK_MS):
                    spans.add(
                        trace_id=bytes([1] * 16),
                        span_id=(len(spans) + 1).to_bytes(8, "big"),
                        name=f"GET /{number % 2}",
                        kind=kind,
                        start_time_unix_nano=T0,
                        end_time_unix_nano=T0 + int(took * 1e6),
                        status=Status(code=code),
                    )
    return made


def told(metrics: Iterable[Any], own: Iterable[str] = ()) -> Told:
    """Give the points of metrics by name and attributes but for those that only the sender knows of."""
    found: Told = {}
    for metric in metrics:
        for point in getattr(metric, metric.WhichOneof("data")).data_points:
            labels = frozenset((key, value) for key, value in values(point.attributes).items() if key not in own)
            if metric.HasField("sum"):
                found[metric.name, labels] = (metric.unit, point.as_int)
            else:
                spread = (list(point.bucket_counts), list(point.explicit_bounds))
                found[metric.name, labels] = (metric.unit, point.count, pytest.approx(point.sum), *spread)
    return found


def of_the_connector(otelcol: Path, home: Path) -> Told:
    door, file = f"127.0.0.1:{free_port()}", home / "metrics.jsonl"
    config = {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": door}}}},
        "connectors": {"span_metrics": {"metrics_flush_interval": "1s"}},
        "exporters": {"file": {"path": str(file), "flush_interval": "200ms"}},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {
                "traces": {"receivers": ["otlp"], "exporters": ["span_metrics"]},
                "metrics": {"receivers": ["span_metrics"], "exporters": ["file"]},
            },
        },
    }
    (home / "collector.yaml").write_text(yaml.safe_dump(config))
    process = Process("Collector", [str(otelcol), f"--config={home / 'collector.yaml'}"], home / "collector.log")
    process.start()
    try:
        eventually(lambda: _takes(door), "the Collector takes spans")
        return eventually(lambda: _of_file(file), "its connector has told metrics")
    finally:
        process.kill()


def _of_file(file: Path) -> Told | None:
    """Read what was told last; at first the connector tells of a new sum that it is 0."""
    found = told((one.item for one in read(file)), own=("collector.instance.id",))
    return found if found and all(one[1] for one in found.values()) else None


def _takes(door: str) -> bool:
    try:
        answer = httpx.post(
            f"http://{door}/v1/traces",
            content=request().SerializeToString(),
            headers={"content-type": "application/x-protobuf"},
        )
    except httpx.TransportError:
        return False
    return answer.status_code == 200


async def test_names_dimensions_and_numbers_are_those_of_the_connector(
    otelcol: Path, tmp_path: Path, host: FakeHost
) -> None:
    processor = build(FACTORY)
    await processor.start(host)

    async def forward(_payload: Payload) -> Accepted:
        return Accepted()

    await processor.process(Payload.of(request()), forward)  # type: ignore[attr-defined]
    ours = told(one for source in host.metrics.sources for one in source(host.now))
    assert len(ours) == 2 * 2 * 2 * len(Span.SpanKind.values()) * len(Status.StatusCode.values())
    assert ours == of_the_connector(otelcol, tmp_path)

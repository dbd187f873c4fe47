"""A real Jaeger behind us: who looks at a trace there sees the cluster that its exception belongs to."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.go_build import NoGoError
from e2e.jaeger import Jaeger, find_or_build
from e2e.processes import eventually
from e2e.topology import Insights
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_insights import semconv

pytestmark = pytest.mark.e2e


@pytest.fixture
def jaeger(tmp_path: Path) -> Iterator[Jaeger]:
    try:
        made = Jaeger(find_or_build(), tmp_path)
    except NoGoError as reason:
        pytest.skip(str(reason))
    try:
        made.start()
        yield made
    finally:
        made.process.end()


@pytest.fixture
def insights(tmp_path: Path, jaeger: Jaeger) -> Iterator[Insights]:
    made = Insights(tmp_path, f"http://127.0.0.1:{jaeger.grpc}")
    made.keep_to("traces")  # Jaeger takes no other signal
    try:
        made.start()
        yield made
    finally:
        made.process.end()


def charge(number: int) -> None:
    raise ValueError(f"no card takes {number}")


def pay(tracer, number: int) -> str:
    """Fail in a span; its trace id."""
    with tracer.start_as_current_span("pay", record_exception=False) as span:
        try:
            charge(number)
        except ValueError as error:
            span.record_exception(error)
        return f"{span.get_span_context().trace_id:032x}"


def tags(held: list[dict]) -> dict[str, object]:
    return {one["key"]: one["value"] for one in held}


def test_a_trace_is_found_in_jaeger_by_the_cluster_of_its_exception(jaeger, insights):
    provider = TracerProvider(resource=Resource({"service.name": "shop", "service.instance.id": "i-1"}))
    exporter = OTLPSpanExporter(endpoint=f"127.0.0.1:{insights.grpc}", insecure=True)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    for number in range(5):
        pay(tracer, number)
    insights.analyse()
    (cluster,) = insights.clusters()
    trace_id = pay(tracer, 5)
    provider.shutdown()

    wanted = json.dumps({semconv.CLUSTER_ID: cluster["id"]})
    found = eventually(lambda: jaeger.traces(service="shop", tags=wanted), "Jaeger has the trace")
    assert trace_id in {trace["traceID"] for trace in found}
    (span,) = next(trace["spans"] for trace in found if trace["traceID"] == trace_id)
    (event,) = (tags(one["fields"]) for one in span["logs"])
    for told in (tags(span["tags"]), event):
        assert told[semconv.CLUSTER_ID] == cluster["id"]
        assert [told[semconv.FINGERPRINT]] == cluster["fingerprints"]
    assert event["exception.message"] == "no card takes 5"

"""The processor `span_metrics`: spans of the real SDK in, rate, errors and duration out, and scored."""

import pytest
from metric_samples import send, started, told
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from otlp_samples import T0, Sink, build, passing, resource, spans, values
from prometheus_client import CollectorRegistry

from otel_insights import own_metrics, semconv, span_calls
from otel_insights.errors import BadData, Refused
from otel_insights.findings import our_resource
from otel_insights.payload import Payload, Signal
from otel_insights.processors.span_metrics import FACTORY
from otel_insights.store import anomalies

MS, MINUTE = 10**6, 60 * 10**9
BUCKETS = ["10ms", "100ms"]


def call(
    number: int, took_ms: float, *, name="GET /", kind=Span.SPAN_KIND_SERVER, code=Status.STATUS_CODE_UNSET
) -> Span:
    return Span(
        trace_id=number.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        name=name,
        kind=kind,
        start_time_unix_nano=T0,
        end_time_unix_nano=T0 + int(took_ms * MS),
        status=Status(code=code, message="no card" if code else ""),
    )


async def counting(host, **settings):
    processor = build(FACTORY, **{"buckets": BUCKETS, **settings})
    await processor.start(host)
    return processor


def exported(host) -> Payload:
    """What the receiver `insights` makes of it."""
    others = [one for source in host.metrics.sources for one in source(host.now)]
    request = own_metrics.export_request(
        host.instance_id, [], CollectorRegistry(), others=others, since_ns=T0, started_ns=T0, now_ns=host.now
    )
    return Payload.of(request)


def found(host) -> dict[tuple, tuple[int, list[int], float]]:
    """Calls, buckets and sum by name, kind and status of what was counted."""
    message = exported(host).message()
    by_name = {one.name: one for one in message.resource_metrics[0].scope_metrics[0].metrics}
    if not by_name:
        return {}
    calls, took = by_name["traces.span.metrics.calls"].sum, by_name["traces.span.metrics.duration"]
    assert took.unit == "ms"
    assert calls.is_monotonic
    assert calls.aggregation_temporality == took.histogram.aggregation_temporality == 2
    return {
        tuple(values(one.attributes).values()): (one.as_int, list(other.bucket_counts), other.sum)
        for one, other in zip(calls.data_points, took.histogram.data_points, strict=True)
        if one.attributes == other.attributes
    }


async def test_calls_are_counted_by_service_name_kind_and_status_with_their_durations(host):
    processor = await counting(host)
    made = [call(1, 5), call(2, 10), call(3, 50, code=Status.STATUS_CODE_ERROR), call(4, 500, kind=0), call(5, -3)]
    (passed,) = await send(processor, spans(*made))
    assert passed.data == spans(*made).data, "nothing of it is changed"
    server = ("shop", "GET /", "SPAN_KIND_SERVER")
    assert found(host) == {
        (*server, "STATUS_CODE_UNSET"): (3, [3, 0, 0], 15),
        (*server, "STATUS_CODE_ERROR"): (1, [0, 1, 0], 50),
        ("shop", "GET /", "SPAN_KIND_UNSPECIFIED", "STATUS_CODE_UNSET"): (1, [0, 0, 1], 500),
    }


async def test_spans_of_the_real_sdk_are_counted(host):
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "pay", "service.namespace": "eu"}))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("test")
    for number in range(4):
        span = tracer.start_span("charge", kind=SpanKind.CLIENT, start_time=T0, attributes={"n": number})
        span.set_status(StatusCode.ERROR if number == 3 else StatusCode.OK)
        span.end(T0 + 20 * MS)
    processor = await counting(host)
    await send(processor, Payload.of(encode_spans(memory.get_finished_spans())))
    assert found(host) == {
        ("pay", "charge", "SPAN_KIND_CLIENT", "STATUS_CODE_OK", "eu"): (3, [0, 3, 0], 60),
        ("pay", "charge", "SPAN_KIND_CLIENT", "STATUS_CODE_ERROR", "eu"): (1, [0, 1, 0], 20),
    }


async def test_what_is_refused_or_comes_again_counts_once(host):
    processor = await counting(host)
    payload = spans(call(1, 5))
    with pytest.raises(Refused):
        await passing([processor], payload, Sink(answers=[Refused("not now")]))
    assert found(host) == {}
    await send(processor, payload, spans(call(1, 5)), Payload(Signal.TRACES, payload.data, replay=True))
    await send(processor, spans(call(2, 5)))
    assert [one[0] for one in found(host).values()] == [2]


async def test_kinds_beyond_the_limit_are_counted_as_one(host):
    processor = await counting(host, aggregation_cardinality_limit=2)
    await send(processor, spans(*(call(number, 5, name=f"job {number}") for number in range(1, 101))))
    counts = found(host)
    assert len(counts) == 3
    assert counts[(True,)] == (98, [98, 0, 0], 490)
    assert sum(one[0] for one in counts.values()) == 100


async def test_a_kind_that_is_not_heard_of_makes_room_and_begins_anew(host):
    processor = await counting(host, aggregation_cardinality_limit=1, metrics_expiration="1h")
    await send(processor, spans(call(1, 5)))
    host.now = T0 + 61 * MINUTE
    assert found(host) == {}
    await send(processor, spans(call(2, 5, name="other")))
    assert [(key[1], one[0]) for key, one in found(host).items()] == [("other", 1)]
    point = exported(host).message().resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0]
    assert point.start_time_unix_nano == host.now


async def test_our_own_spans_and_what_does_not_parse_are_passed_on_and_not_counted(host):
    processor = await counting(host)
    broken = Payload(Signal.TRACES, b"\x0a\xff\xff\xff\xff\xff")
    await send(processor, spans(call(1, 5), of=our_resource(host.instance_id)))
    await send(processor, broken)
    with pytest.raises(BadData):
        list(span_calls.calls(broken.data))
    assert host.metrics.value("otel_insights_uninspected_items", processor="span_metrics") == 1
    assert found(host) == {}
    await processor.stop()
    assert host.metrics.sources == []


async def test_names_that_are_very_long_or_no_text_are_counted(host):
    processor = await counting(host)
    request = spans(call(1, 5, name="x" * 1000), call(2, 5, name="x" * 999), call(3, 5, name="caf?"))
    await send(processor, Payload(Signal.TRACES, request.data.replace(b"caf?", b"caf\xe9")))
    assert {key[1]: one[0] for key, one in found(host).items()} == {"x" * 256: 2, "caf\ufffd": 1}


def test_bounds_that_do_not_rise_are_refused():
    with pytest.raises(ValueError, match="bounds that rise"):
        build(FACTORY, buckets=["2ms", "1ms"])


async def test_rate_errors_and_duration_are_scored_as_metrics_of_the_service_that_the_spans_are_of(host):
    """A line is set for the p95; what we tell of ourselves is not scored."""
    line = {"metric": "traces.span.metrics.duration", "service": "sh*", "part": "p95", "above": 90.0}
    scoring = await started(host, thresholds=[line])
    processor = await counting(host)
    for minute, took in enumerate([5, 5, 5, 95, 5]):
        host.now = T0 + minute * MINUTE
        made = [call(100 * minute + n, took + n / 10) for n in range(1, 21)]
        await send(processor, spans(*made, of=resource(f"i-{minute}")))
        await send(scoring, exported(host))
    (one,) = await host.store.read(anomalies.page)
    assert (one.service, one.metric, one.part) == ("shop", "traces.span.metrics.duration", "p95")
    assert (one.opened_ns, one.closed_ns) == (T0 + 3 * MINUTE, T0 + 4 * MINUTE)
    assert one.observed == pytest.approx(95.5), "within the bucket from 10 to 100"
    slowest = 100 * 3 + 20
    assert (one.trace_id, one.span_id) == (f"{slowest:032x}", f"{slowest:016x}"), "the longest since the last export"
    assert [event for event, _ in await told(host)] == [semconv.ANOMALY_OPENED, semconv.ANOMALY_CLOSED]
    assert host.metrics.value("otel_insights_scored_points", processor="anomalies") == 4 * 5
    await processor.stop()

"""Valid OTLP that no SDK sends in one day: every kind of value, every kind of metric, empty and unknown things."""

from __future__ import annotations

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1 import metrics_pb2 as m
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

T0 = 1_700_000_000_000_000_000
URLS = ("https://opentelemetry.io/schemas/1.30.0", "https://opentelemetry.io/schemas/1.31.0")
TRACE, SPAN = bytes(range(16)), bytes(range(1, 9))


def every_value() -> list[KeyValue]:
    """Give attributes with each kind of value, some of which look like an exception event to a search of bytes."""
    plain = [
        AnyValue(),
        AnyValue(string_value=""),
        AnyValue(string_value="exception \u2028 \U0001f600 \x12\x09exception"),
        AnyValue(bool_value=False),
        AnyValue(int_value=-(2**63)),
        AnyValue(double_value=-0.0),
        AnyValue(double_value=5e-324),
        AnyValue(bytes_value=b"\x00\x12\x09exception\xff"),
    ]
    nested = [
        AnyValue(array_value=ArrayValue(values=plain)),
        AnyValue(array_value=ArrayValue()),
        AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="traceless", value=one) for one in plain[:3]])),
        AnyValue(kvlist_value=KeyValueList()),
    ]
    values = [KeyValue(key=f"value.{n}", value=one) for n, one in enumerate([*plain, *nested])]
    return [*values, KeyValue(key="", value=AnyValue(string_value="a key may be empty"))]


def rarities() -> dict[str, Message]:
    """Give one export request for each signal."""
    resource = Resource(attributes=[*every_value(), *_named("rarities")], dropped_attributes_count=3)
    scope = InstrumentationScope(name="", version="0", attributes=every_value(), dropped_attributes_count=4)
    above = {"scope": scope, "schema_url": URLS[1]}
    return {
        "traces": ExportTraceServiceRequest(
            resource_spans=[
                ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=_spans(), **above)], schema_url=URLS[0]),
                ResourceSpans(scope_spans=[ScopeSpans(spans=_spans()[:1])]),
            ]
        ),
        "logs": ExportLogsServiceRequest(
            resource_logs=[
                ResourceLogs(
                    resource=resource, scope_logs=[ScopeLogs(log_records=_logs(), **above)], schema_url=URLS[0]
                )
            ]
        ),
        "metrics": ExportMetricsServiceRequest(
            resource_metrics=[
                m.ResourceMetrics(
                    resource=resource, scope_metrics=[m.ScopeMetrics(metrics=_metrics(), **above)], schema_url=URLS[0]
                )
            ]
        ),
    }


def _named(service: str) -> list[KeyValue]:
    return [KeyValue(key="service.name", value=AnyValue(string_value=service))]


def _exception(message: str) -> list[KeyValue]:
    pairs = {"exception.type": "ValueError", "exception.message": message, "exception.stacktrace": ""}
    return [KeyValue(key=key, value=AnyValue(string_value=text)) for key, text in pairs.items()]


def _spans() -> list[Span]:
    full = Span(
        trace_id=TRACE,
        span_id=SPAN,
        trace_state="vendor=1,other=a;b",
        parent_span_id=SPAN[::-1],
        flags=0x301,
        name="",
        kind=Span.SPAN_KIND_CONSUMER,
        start_time_unix_nano=T0,
        end_time_unix_nano=2**64 - 1,
        attributes=every_value(),
        dropped_attributes_count=1,
        events=[
            Span.Event(
                name="exception", time_unix_nano=T0, attributes=_exception("rare 1"), dropped_attributes_count=2
            ),
            Span.Event(name="exception", attributes=[*every_value(), *_exception("rare 2")]),
            Span.Event(name="exceptional", attributes=every_value()),
            Span.Event(),
        ],
        dropped_events_count=2**32 - 1,
        links=[Span.Link(trace_id=TRACE, span_id=SPAN, trace_state="a=b", attributes=every_value(), flags=0x100)],
        dropped_links_count=7,
        status=Status(code=Status.STATUS_CODE_ERROR, message="broken"),
    )
    bare = Span(trace_id=TRACE[::-1], span_id=SPAN, name="bare")
    return [bare, full]


def _logs() -> list[LogRecord]:
    return [
        LogRecord(body=one.value, attributes=every_value(), dropped_attributes_count=9, severity_number=n, flags=1)
        for n, one in enumerate(every_value())
    ] + [
        LogRecord(
            time_unix_nano=T0,
            observed_time_unix_nano=T0 + 1,
            event_name="exception",
            severity_text="oops",
            attributes=[*_exception("rare log"), KeyValue(key="log_count", value=AnyValue(int_value=2**63 - 1))],
            trace_id=TRACE,
            span_id=SPAN,
        ),
        LogRecord(),
    ]


def _metrics() -> list[m.Metric]:
    at = {"start_time_unix_nano": T0, "time_unix_nano": T0 + 1, "attributes": every_value()}
    exemplars = [
        m.Exemplar(time_unix_nano=T0, as_int=-1, span_id=SPAN, trace_id=TRACE, filtered_attributes=every_value())
    ]
    delta, cumulative = m.AGGREGATION_TEMPORALITY_DELTA, m.AGGREGATION_TEMPORALITY_CUMULATIVE
    numbers = [
        m.NumberDataPoint(as_double=float("inf"), exemplars=exemplars, **at),
        m.NumberDataPoint(as_int=-(2**63), **at),
        m.NumberDataPoint(flags=1, **at),
    ]
    buckets = m.ExponentialHistogramDataPoint.Buckets(offset=-3, bucket_counts=[0, 1, 2**63])
    exponential = m.ExponentialHistogramDataPoint(
        count=3, sum=-1.5, scale=-2, zero_count=1, zero_threshold=0.1, positive=buckets, negative=buckets, min=-1, **at
    )
    histogram = m.HistogramDataPoint(
        count=3, sum=2.5, bucket_counts=[1, 2], explicit_bounds=[0.5], min=0, exemplars=exemplars, **at
    )
    quantile = m.SummaryDataPoint.ValueAtQuantile(quantile=0.5, value=1)
    summary = m.SummaryDataPoint(count=1, sum=1, quantile_values=[quantile], **at)
    return [
        m.Metric(name="gauge", description="d", unit="1", metadata=every_value(), gauge=m.Gauge(data_points=numbers)),
        m.Metric(name="sum", sum=m.Sum(data_points=numbers, aggregation_temporality=delta, is_monotonic=True)),
        m.Metric(name="histogram", histogram=m.Histogram(data_points=[histogram], aggregation_temporality=cumulative)),
        m.Metric(
            name="exponential",
            exponential_histogram=m.ExponentialHistogram(data_points=[exponential], aggregation_temporality=delta),
        ),
        m.Metric(name="summary", summary=m.Summary(data_points=[summary])),
        m.Metric(name="nothing"),
        m.Metric(name="empty", gauge=m.Gauge()),
    ]

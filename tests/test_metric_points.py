"""Points read with attributes as bytes, against protobuf's own messages."""

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from otel_insights.analysis.exponential import Buckets, Exponential
from otel_insights.analysis.histograms import Explicit
from otel_insights.errors import BadData
from otel_insights.metric_points import points
from otel_insights.payload import attribute

FINE = Exponential(3, 1, 0.0, Buckets(-1, (2,)), Buckets(2, (2,)))


def request() -> ExportMetricsServiceRequest:
    made = ExportMetricsServiceRequest()
    part = made.resource_metrics.add()
    part.resource.attributes.append(attribute("service.name", "shop"))
    scope = part.scope_metrics.add()
    scope.scope.name = "app"
    scope.metrics.add(name="depth").gauge.data_points.add(time_unix_nano=9, as_int=-3).attributes.append(
        attribute("queue", "a")
    )
    total = scope.metrics.add(name="total", unit="By").sum
    total.aggregation_temporality, total.is_monotonic = 2, True
    total.data_points.add(start_time_unix_nano=1, time_unix_nano=9, as_double=2.5)
    total.data_points.add(time_unix_nano=9, flags=1)
    took = scope.metrics.add(name="took").histogram
    took.aggregation_temporality = 1
    took.data_points.add(time_unix_nano=9, count=3, bucket_counts=[1, 2], explicit_bounds=[0.5])
    took.data_points.add(time_unix_nano=9, count=3, sum=4.0)
    fine = scope.metrics.add(name="fine").exponential_histogram
    fine.aggregation_temporality = 2
    point = fine.data_points.add(time_unix_nano=9, count=5, attributes=[attribute("k", 1)], scale=3, zero_count=1)
    point.positive.offset = -2
    point.positive.bucket_counts.extend([0, 2, 0])
    point.negative.bucket_counts.extend([0, 0, 2])
    fine.data_points.add(time_unix_nano=9, count=6, zero_count=5)
    old = scope.metrics.add(name="old").summary.data_points.add(time_unix_nano=9, count=7)
    old.quantile_values.add(quantile=0.999, value=1.5)
    scope.metrics.add(name="empty")
    return made


def test_points_of_each_kind_are_read():
    read = list(points(request().SerializeToString()))
    told = [(one.metric, one.kind, one.temporality, one.value, one.part, one.shape, one.distribution) for one in read]
    assert told == [
        (b"depth", "gauge", 0, -3.0, "", "gauge", None),
        (b"total", "sum", 2, 2.5, "", "sum By", None),
        (b"total", "sum", 2, None, "", "sum By", None),
        (b"took", "count", 1, 3.0, "count", "histogram", Explicit((1, 2), (0.5,))),
        (b"took", "count", 1, 3.0, "count", "histogram", None),
        (b"fine", "count", 2, 5.0, "count", "exponential histogram", FINE),
        (b"fine", "count", 2, 6.0, "count", "exponential histogram", None),
        (b"old", "count", 2, 7.0, "count", "summary", None),
        (b"old", "gauge", 0, 1.5, "p99.9", "summary", None),
    ]
    assert (read[1].start_ns, read[1].time_ns, read[1].monotonic) == (1, 9, True)
    assert KeyValue.FromString(read[0].attributes[0]) == attribute("queue", "a")
    assert KeyValue.FromString(read[5].attributes[0]) == attribute("k", 1)
    assert {one.resource for one in read} == {request().resource_metrics[0].resource.SerializeToString()}


def test_what_does_not_parse_is_bad_data():
    with pytest.raises(BadData):
        list(points(request().SerializeToString()[:-3]))

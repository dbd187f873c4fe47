"""Points read with attributes as bytes, against protobuf's own messages."""

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from otel_insights.errors import BadData
from otel_insights.metric_points import points
from otel_insights.payload import attribute


def request() -> ExportMetricsServiceRequest:
    made = ExportMetricsServiceRequest()
    part = made.resource_metrics.add()
    part.resource.attributes.append(attribute("service.name", "shop"))
    scope = part.scope_metrics.add()
    scope.scope.name = "app"
    scope.metrics.add(name="depth").gauge.data_points.add(time_unix_nano=9, as_int=-3).attributes.append(
        attribute("queue", "a")
    )
    total = scope.metrics.add(name="total").sum
    total.aggregation_temporality, total.is_monotonic = 2, True
    total.data_points.add(start_time_unix_nano=1, time_unix_nano=9, as_double=2.5)
    total.data_points.add(time_unix_nano=9, flags=1)
    took = scope.metrics.add(name="took").histogram
    took.aggregation_temporality = 1
    took.data_points.add(time_unix_nano=9, count=3, bucket_counts=[1, 2], explicit_bounds=[0.5])
    took.data_points.add(time_unix_nano=9, count=3, sum=4.0)
    fine = scope.metrics.add(name="fine").exponential_histogram
    fine.aggregation_temporality = 2
    fine.data_points.add(time_unix_nano=9, count=5, attributes=[attribute("k", 1)])
    scope.metrics.add(name="old").summary.data_points.add(time_unix_nano=9, count=7)
    scope.metrics.add(name="empty")
    return made


def test_points_of_each_kind_are_read():
    read = list(points(request().SerializeToString()))
    told = [(one.metric, one.kind, one.temporality, one.value, list(one.buckets), list(one.bounds)) for one in read]
    assert told == [
        (b"depth", "gauge", 0, -3.0, [], []),
        (b"total", "sum", 2, 2.5, [], []),
        (b"total", "sum", 2, None, [], []),
        (b"took", "count", 1, 3.0, [1, 2], [0.5]),
        (b"took", "count", 1, 3.0, [], []),
        (b"fine", "count", 2, 5.0, [], []),
        (b"old", "count", 2, 7.0, [], []),
    ]
    assert (read[1].start_ns, read[1].time_ns, read[1].monotonic) == (1, 9, True)
    assert KeyValue.FromString(read[0].attributes[0]) == attribute("queue", "a")
    assert KeyValue.FromString(read[5].attributes[0]) == attribute("k", 1)
    assert {one.resource for one in read} == {request().resource_metrics[0].resource.SerializeToString()}


def test_what_does_not_parse_is_bad_data():
    with pytest.raises(BadData):
        list(points(request().SerializeToString()[:-3]))

"""Points read with attributes as bytes, against protobuf's own messages."""

import random
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, NumberDataPoint

from otel_insights.analysis.exponential import Buckets, Exponential
from otel_insights.analysis.histograms import Distribution, Explicit
from otel_insights.analysis.streams import Observations
from otel_insights.errors import BadData
from otel_insights.metric_points import Reading
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


def spread(observed: Observations, at: int) -> Distribution | None:
    found = observed.distributions.get(at)
    return found and found.whole()


def told(observed: Observations) -> list[tuple]:
    return [
        (one.key[2], one.temporality, value, one.key[4], one.key[5], spread(observed, at))
        for at, (one, value) in enumerate(zip(observed.streams, observed.values.tolist(), strict=True))
    ]


def test_points_of_each_kind_are_read_the_first_time_as_they_are_later():
    reading, data = Reading(), request().SerializeToString()
    first, again = reading.read(data), reading.read(data)
    assert told(first) == [
        (b"depth", 0, -3.0, "", "gauge", None),
        (b"total", 2, 2.5, "", "sum By", None),
        (b"took", 1, 3.0, "count", "histogram", Explicit((1, 2), (0.5,))),
        (b"took", 1, 3.0, "count", "histogram", None),
        (b"fine", 2, 5.0, "count", "exponential histogram", FINE),
        (b"fine", 2, 6.0, "count", "exponential histogram", None),
        (b"old", 2, 7.0, "count", "summary", None),
        (b"old", 0, 1.5, "p99.9", "summary", None),
    ]
    assert told(again) == told(first)
    assert again.streams == first.streams, "the very same ones"
    assert (first.starts[1], first.times[1]) == (1, 9)
    assert {one.key[0] for one in first.streams} == {request().resource_metrics[0].resource.SerializeToString()}
    assert KeyValue.FromString(first.streams[0].key[3][0]) == attribute("queue", "a")
    assert KeyValue.FromString(first.streams[4].key[3][0]) == attribute("k", 1)


def test_a_sum_that_may_fall_is_what_it_is_unless_it_is_a_delta():
    made = ExportMetricsServiceRequest()
    scope = made.resource_metrics.add().scope_metrics.add()
    for temporality in (1, 2):
        scope.metrics.add(name="m").sum.data_points.add(time_unix_nano=9, as_int=1)
        scope.metrics[-1].sum.aggregation_temporality = temporality
    assert [one.temporality for one in Reading().read(made.SerializeToString()).streams] == [1, 0]


numbers = st.integers(0, 2**64 - 1)
texts = st.dictionaries(st.sampled_from(["a", "http.route", "Y"]), st.text("Yaz1", max_size=24), max_size=3)


@st.composite
def number_points(draw) -> NumberDataPoint:
    point = NumberDataPoint(
        start_time_unix_nano=draw(numbers), time_unix_nano=draw(numbers), flags=draw(st.integers(0, 3))
    )
    point.attributes.extend(attribute(key, value) for key, value in draw(texts).items())
    if draw(st.booleans()):
        point.exemplars.add(time_unix_nano=draw(numbers), as_double=1.5, trace_id=b"t" * 16)
    held = draw(st.sampled_from(["as_int", "as_double", ""]))
    if held:
        setattr(point, held, draw(st.integers(-(2**63), 2**63 - 1) if held == "as_int" else st.floats(allow_nan=False)))
    return point


@st.composite
def histogram_points(draw) -> HistogramDataPoint:
    point = HistogramDataPoint(start_time_unix_nano=draw(numbers), time_unix_nano=draw(numbers), count=draw(numbers))
    point.attributes.extend(attribute(key, value) for key, value in draw(texts).items())
    point.bucket_counts.extend(draw(st.lists(numbers, max_size=20)))
    many = draw(st.sampled_from([max(len(point.bucket_counts) - 1, 0), 0, 3]))
    point.explicit_bounds.extend(float(number) for number in range(many))
    for name in draw(st.sets(st.sampled_from(["sum", "min", "max"]))):
        setattr(point, name, draw(st.floats(allow_nan=False)))
    point.flags = draw(st.integers(0, 1))
    if draw(st.booleans()):
        point.exemplars.add(as_int=3)
    return point


@given(st.lists(number_points(), max_size=12), st.lists(histogram_points(), max_size=6))
def test_what_is_looked_up_is_what_protobuf_reads(gauges, histograms):
    """Of any point: written as usual or not, seen before or not."""
    made = ExportMetricsServiceRequest()
    scope = made.resource_metrics.add().scope_metrics.add()
    scope.metrics.add(name="depth").gauge.data_points.extend(gauges)
    scope.metrics.add(name="took").histogram.data_points.extend(histograms)
    expected = [
        (
            one.attributes,
            one.start_time_unix_nano,
            one.time_unix_nano,
            float(getattr(one, one.WhichOneof("value"))),
            None,
        )
        for one in gauges
        if one.WhichOneof("value") and not one.flags & 1
    ]
    for one in histograms:
        whole = len(one.bucket_counts) == len(one.explicit_bounds) + 1
        buckets = Explicit(tuple(one.bucket_counts), tuple(one.explicit_bounds)) if whole else None
        if not one.flags & 1:
            expected.append((one.attributes, one.start_time_unix_nano, one.time_unix_nano, float(one.count), buckets))
    reading, data = Reading(), made.SerializeToString()
    for _ in range(3):
        read = reading.read(data)
        assert [
            ([KeyValue.FromString(each) for each in stream.key[3]], start, time, value, spread(read, at))
            for at, (stream, start, time, value) in enumerate(
                zip(
                    read.streams,
                    read.starts.astype(np.uint64).tolist(),
                    read.times.astype(np.uint64).tolist(),
                    read.values.tolist(),
                    strict=True,
                )
            )
        ] == [(list(attributes), *rest) for attributes, *rest in expected]


def test_many_points_are_read_at_once_as_they_are_one_by_one():
    def sent(many: int, *, start: int = 1, flags: int = 0) -> bytes:
        made = ExportMetricsServiceRequest()
        points = made.resource_metrics.add().scope_metrics.add().metrics.add(name="m").gauge.data_points
        for number in range(many):
            value = {"as_int": number} if number % 2 else {"as_double": number / 4}
            point = points.add(start_time_unix_nano=start, time_unix_nano=9 + number, **value)
            point.attributes.append(attribute("n", number % 20))
        points[-1].flags = flags
        return made.SerializeToString()

    reading = Reading()
    for start, flags in ((1, 0), (0, 0), (1, 1), (1, 0)):
        for many in (20, 40, 3, 40):
            found, alone = (one.read(sent(many, start=start, flags=flags)) for one in (reading, Reading()))
            assert told(found) == told(alone)
            assert [one.key for one in found.streams] == [one.key for one in alone.streams]
            assert (found.times.tolist(), found.starts.tolist()) == (alone.times.tolist(), alone.starts.tolist())
            assert len(found) == many - flags


def mutants(data: bytes, rng: random.Random) -> Iterator[bytes]:
    while True:
        made = bytearray(data)
        for _ in range(rng.choice([1, 1, 3])):
            at = rng.randrange(len(made))
            made[at : at + rng.randrange(2)] = rng.randbytes(rng.randrange(2))
        yield bytes(made)


def test_a_request_that_is_damaged_is_read_alike_whether_its_streams_were_seen_before_or_not():
    def read(reading: Reading, data: bytes) -> object:
        try:
            found = reading.read(data)
        except BadData as error:
            return str(error)
        return told(found), [one.key for one in found.streams], found.starts.tolist(), found.times.tolist()

    data, seen = request().SerializeToString(), Reading()
    whole = read(seen, data)
    for mutant in islice(mutants(data, random.Random(5)), 5000):
        assert repr(read(seen, mutant)) == repr(read(Reading(), mutant)), mutant
    assert read(seen, data) == whole


def test_more_streams_than_are_to_be_remembered_are_met_anew():
    reading = Reading(most=2)
    made = request()
    first = reading.read(made.SerializeToString())
    for number in range(20):
        made.resource_metrics[0].scope_metrics[0].scope.name = f"app {number}"
        reading.read(made.SerializeToString())
    again = reading.read(request().SerializeToString())
    assert [one.key for one in again.streams] == [one.key for one in first.streams]
    assert not {*again.streams} & {*first.streams}


def test_nothing_is_read_of_metrics_that_nobody_wants():
    asked = []
    reading = Reading(lambda *names: asked.append(names) or names[2] == b"depth")
    for _ in range(2):
        assert [one.key[2] for one in reading.read(request().SerializeToString()).streams] == [b"depth"]
    assert [names[2] for names in asked] == [b"depth", b"total", b"took", b"fine", b"old"]


def test_what_does_not_parse_is_bad_data():
    with pytest.raises(BadData):
        Reading().read(request().SerializeToString()[:-3])
    broken = request()
    broken.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].attributes[0].key = "x" * 20
    with pytest.raises(BadData):
        Reading().read(broken.SerializeToString().replace(b"\x3a\x1b\x0a\x14xxxx", b"\x3a\x7f\x0a\x14xxxx"))

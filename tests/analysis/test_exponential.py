"""Exponential histograms, those of the real SDK among them, against the values that were measured."""

import numpy as np
import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation

from otel_insights.analysis.exponential import MOST_BUCKETS, Buckets, Exponential
from otel_insights.metric_points import Reading


def of_sdk(measured: list[np.ndarray], max_size: int = 160) -> list[Exponential]:
    """Let the SDK make a cumulative histogram, told after each part."""
    aggregation = ExponentialBucketHistogramAggregation(max_size=max_size)
    reader = InMemoryMetricReader(preferred_aggregation={Histogram: aggregation})
    histogram = MeterProvider([reader]).get_meter("test").create_histogram("took", "s")
    told = []
    for part in measured:
        for value in part:
            histogram.record(float(value))
        read = Reading().read(encode_metrics(reader.get_metrics_data()).SerializeToString())
        assert [one.key[5] for one in read.streams] == ["exponential histogram s"]
        assert isinstance(read.distributions[0], Exponential)
        told.append(read.distributions[0])
    return told


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_percentiles_of_an_interval_are_those_of_what_was_measured_in_it(share):
    rng = np.random.default_rng(7)
    before, then = rng.lognormal(0, 0.3, 500), rng.lognormal(3, 1.0, 2000)
    first, second = of_sdk([before, then])
    assert second.scale < first.scale, "the SDK has made it coarser meanwhile"
    came = second.since(first)
    assert came is not None
    assert came.percentile(share) == pytest.approx(np.quantile(then, share), rel=0.05)


def test_zeros_are_counted_as_such():
    (zeros,) = of_sdk([np.array([0.0] * 9 + [8.0])])
    assert zeros.percentile(0.5) == 0
    assert zeros.percentile(1) == pytest.approx(8, rel=0.01)


def test_values_below_zero_are_found_from_the_lowest_on():
    # three in (-4, -2], one in (-2, -1], and four in (1, 2]
    one = Exponential(0, 0, 0.0, Buckets(0, (4,)), Buckets(0, (1, 3)))
    assert one.percentile(3 / 16) == pytest.approx(-(2**1.5))
    assert one.percentile(0.5) == pytest.approx(-1)
    assert one.percentile(0.75) == pytest.approx(2**0.5)


def test_a_wide_zero_is_interpolated_evenly():
    assert Exponential(0, 10, 0.5, Buckets(0, ()), Buckets()).percentile(0.5) == 0.25
    assert Exponential(0, 10, 0.5, Buckets(), Buckets(0, (10,))).percentile(0.75) == 0


def test_what_a_hostile_point_holds_is_bounded():
    huge = Exponential.bounded(20, (0, 0.0), (0, [1] * 100_000), (0, []))
    assert len(huge.positive.counts) <= MOST_BUCKETS
    assert sum(huge.positive.counts) == 100_000
    low, high = (Exponential.bounded(0, (0, 0.0), (offset, [1]), (0, [])) for offset in (-(2**31), 2**31 - 1))
    assert high.since(low) is None, "a count fell"
    both = Exponential.bounded(-22, (0, 0.0), (-(2**9), [1, *[0] * 1022, 1]), (0, []))
    came = both.since(low)
    assert came is not None
    assert sum(came.positive.counts) == 1


def test_another_zero_threshold_does_not_compare():
    wide, narrow = (Exponential(0, 1, threshold, Buckets(), Buckets()) for threshold in (0.1, 0.01))
    assert narrow.since(wide) is None
    assert narrow.since(None) is None

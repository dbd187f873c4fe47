"""From OTLP points to values that can be compared: each rule of the metrics data model in a row."""

import math
from typing import NamedTuple

import numpy as np
import pytest

from otel_insights.analysis.exponential import Buckets, Exponential
from otel_insights.analysis.histograms import Distribution, Explicit
from otel_insights.analysis.points import Points
from otel_insights.analysis.series import Series
from otel_insights.analysis.streams import CUMULATIVE, DELTA, Observation, Observations, Stream
from otel_insights.analysis.totals import Totals

S = 10**9


class Point(NamedTuple):
    """A point, and what says of which stream it is."""

    time: float
    value: float
    start: float = 1.0
    temporality: int = CUMULATIVE
    resource: bytes = b"r"
    scope: bytes = b"s"
    metric: bytes = b"m"
    attributes: tuple[bytes, ...] = (b"a",)
    part: str = ""
    shape: str = "gauge"
    distribution: Distribution | None = None

    def observed(self) -> Observation:
        """Make a stream for every point: who reads requests may have forgotten that it was seen."""
        key = (self.resource, self.scope, self.metric, self.attributes, self.part, self.shape)
        stream = Stream(key, self.temporality, self.part == "count")
        return Observation(stream, int(self.start * S), int(self.time * S), self.value, self.distribution)


point = Point


def gauge(time: float, value: float, **more):
    return point(time, value, temporality=0, start=0, **more)


def read(series: Series, *points: Point) -> Points:
    return series.read(Observations.of(one.observed() for one in points))


def values(series: Series, *points: Point) -> list[tuple[float, float]]:
    found = read(series, *points)
    return list(zip((found.times / S).tolist(), found.values.tolist(), strict=True))


@pytest.fixture
def series() -> Series:
    return Series(100, lambda rows: None, repr, lambda row, key: None)


RULES = [
    ("a gauge is what it is", [gauge(10, 5), gauge(20, 3)], [(10, 5), (20, 3)]),
    ("what is no number is missing", [gauge(10, math.nan), gauge(20, math.inf), gauge(30, 1)], [(30, 1)]),
    ("of a point twice the first counts", [gauge(10, 5), gauge(10, 6)], [(10, 5)]),
    ("a late point is left out", [gauge(10, 5), gauge(5, 6)], [(10, 5)]),
    ("a cumulative sum becomes a rate", [point(10, 5), point(20, 25), point(30, 25)], [(20, 2), (30, 0)]),
    ("the first point of a sum says no rate", [point(10, 5)], []),
    ("a reset counts from its start", [point(10, 50), point(30, 8, start=26)], [(30, 2)]),
    ("a reset without a new start counts from the last point", [point(10, 50), point(20, 10)], [(20, 1)]),
    ("a start that is the point's own time is unknown", [point(10, 50), point(20, 9, start=20)], []),
    ("after that it goes on", [point(10, 50), point(20, 9, start=20), point(30, 19, start=20)], [(30, 1)]),
    ("a delta is a rate over its own time", [point(10, 20, temporality=DELTA, start=5)], [(10, 4)]),
    (
        "a gap between deltas is no value",
        [point(10, 20, temporality=DELTA, start=5), point(40, 10, temporality=DELTA, start=30)],
        [(10, 4), (40, 1)],
    ),
    (
        "deltas without a start count from the last one",
        [point(10, 20, temporality=DELTA, start=0), point(20, 10, temporality=DELTA, start=0)],
        [(20, 1)],
    ),
    ("a point without a time is left out", [gauge(0, 5)], []),
]


@pytest.mark.parametrize(("points", "expected"), [rule[1:] for rule in RULES], ids=[rule[0] for rule in RULES])
def test_rule_of_the_data_model(series, points, expected):
    assert values(series, *points) == expected


@pytest.mark.parametrize("rule", RULES, ids=[rule[0] for rule in RULES])
def test_how_points_are_cut_into_requests_does_not_matter(series, rule):
    assert [value for one in rule[1] for value in values(series, one)] == rule[2]


def histogram(time: float, *buckets: int, **more):
    return point(time, float(sum(buckets)), part="count", distribution=Explicit(buckets, (1.0, 2.0)), **more)


def parts(series: Series, *points: Point) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    columns = read(series, *points)
    for row, value in zip(columns.rows.tolist(), columns.values.tolist(), strict=True):
        key = series.keys[row]
        assert key
        found.setdefault(key[4], []).append(value)
    return found


def test_a_histogram_gives_its_count_a_second_and_the_percentiles_of_the_interval(series):
    assert parts(series, histogram(10, 100, 0, 0), histogram(20, 100, 10, 0)) == {
        "count": [1.0],
        "p50": [1.5],
        "p95": [1.95],
        "p99": [1.99],
    }


def test_an_interval_in_which_nothing_came_has_no_percentiles(series):
    assert parts(series, histogram(10, 100, 0, 0), histogram(20, 100, 0, 0)) == {"count": [0.0]}


def test_buckets_of_a_histogram_that_began_anew_count_whole(series):
    found = parts(series, histogram(10, 100, 0, 0), histogram(20, 0, 10, 0, start=15))
    assert (found["count"], found["p50"]) == ([2.0], [1.5])


def test_buckets_with_other_bounds_do_not_compare(series):
    other = histogram(20, 100, 10, 0)._replace(distribution=Explicit((100, 10, 0), (100.0, 200.0)))
    assert parts(series, histogram(10, 100, 0, 0), other) == {"count": [1.0]}


def test_a_total_and_what_was_added_to_it_do_not_compare(series):
    assert values(series, point(10, 20, temporality=DELTA, start=5), point(20, 1000, start=5)) == [(10, 4)]


def test_delta_histograms_stand_for_themselves(series):
    assert parts(series, histogram(10, 0, 10, 0, temporality=DELTA, start=5))["p50"] == [1.5]


def exponential(time: float, offset: int, *counts: int, scale=0, **more):
    spread = Exponential(scale, 0, 0.0, Buckets(offset, counts), Buckets())
    return histogram(time, **more)._replace(value=float(sum(counts)), distribution=spread)


def test_an_exponential_histogram_gives_the_percentiles_of_the_interval_also_where_it_has_become_coarser(series):
    found = parts(series, exponential(10, 2, 100, 0, scale=1), exponential(20, 1, 110))
    assert (found["count"], found["p50"]) == ([1.0], [pytest.approx(2**1.5)])


def test_an_exponential_count_that_fell_without_a_reset_has_no_percentiles(series):
    assert parts(series, exponential(10, 1, 100), exponential(20, 2, 110)) == {"count": [1.0]}


def test_a_percentile_that_no_number_holds_is_missing(series):
    assert list(parts(series, exponential(10, 2_000, 5, start=5, temporality=DELTA))) == ["count"]


def test_a_quantile_of_a_summary_is_what_it_is_and_missing_where_it_is_no_number(series):
    quantile = lambda time, value: gauge(time, value, part="p99", shape="summary s")  # noqa: E731
    assert parts(series, quantile(10, 3.0), quantile(20, math.nan), quantile(30, 2.0)) == {"p99": [3.0, 2.0]}


def test_a_metric_that_changes_its_unit_or_type_is_another_series(series):
    points = [gauge(10, 1, shape="gauge s"), gauge(20, 1000, shape="gauge ms"), gauge(30, 1000, shape="sum ms")]
    assert len(values(series, *points)) == len(series) == 3


def test_series_differ_by_resource_scope_name_and_attributes(series):
    points = [gauge(10, 1), *(gauge(10, 2, **{name: (b"x",) if name == "attributes" else b"x"}) for name in
              ("resource", "scope", "metric", "attributes"))]  # fmt: skip
    assert len(values(series, *points)) == len(series) == 5


def test_a_new_series_beyond_the_cap_takes_the_place_of_the_one_not_heard_of_for_longest():
    begun: list[int] = []
    series = Series(3, lambda rows: begun.extend(rows.tolist()), repr, lambda row, key: None)
    for time, name in enumerate((b"a", b"b", b"c", b"a", b"d"), 1):
        values(series, gauge(time, 1, metric=name))
    assert (len(series), series.evicted) == (3, 1)
    assert [key and key[2] for key in series.keys] == [b"a", b"d", b"c"]
    assert begun == [0, 1, 2, 1]


def test_series_that_are_not_heard_of_are_let_go(series):
    values(series, gauge(10, 1, metric=b"a"), gauge(20, 1, metric=b"b"))
    series.forget_before(15 * S)
    assert [key and key[2] for key in series.keys] == [None, b"b"]
    assert values(series, gauge(12, 2, metric=b"a")) == [(12, 2)], "it begins anew"


def test_a_series_that_was_saved_has_its_row_again_when_it_is_heard_of():
    adopted: list[int] = []
    series = Series(10, lambda rows: None, lambda key: key[2].decode(), lambda row, key: adopted.append(row))
    row = series.keep("a", 5 * S)
    assert values(series, gauge(3, 1, metric=b"a")) == [], "it is late"
    assert values(series, gauge(10, 1, metric=b"a"), gauge(10, 1, metric=b"b")) == [(10, 1), (10, 1)]
    assert (adopted, series.row((b"r", b"s", b"a", (b"a",), "", "gauge"))) == ([row], row)
    assert series.named() == {"a": row, "b": 1}


def test_a_series_goes_on_under_another_key_of_its_name_once_that_is_heard_of_later():
    adopted: list[tuple[int, bytes]] = []
    name = lambda key: key[2].decode().rstrip("0123456789")  # noqa: E731
    series = Series(10, lambda rows: None, name, lambda row, key: adopted.append((row, key[2])))
    found = values(series, gauge(10, 1, metric=b"a1"), gauge(20, 2, metric=b"a2"), gauge(15, 3, metric=b"a1"))
    assert found == [(10, 1), (20, 2)]
    assert (len(series), series.late, adopted) == (1, 1, [(0, b"a2")])
    assert [key and key[2] for key in series.keys] == [b"a2"]
    series.forget_before(30 * S)
    assert len(series) == 0
    assert values(series, gauge(40, 1, metric=b"a1")) == [(40, 1)]


def test_a_row_that_was_kept_for_nobody_is_let_go():
    series = Series(2, lambda rows: None, lambda key: key[2].decode(), lambda row, key: None)
    series.keep("a", 5 * S)
    series.keep("b", 6 * S)
    values(series, gauge(10, 1, metric=b"c"))
    assert sorted(series.named()) == ["b", "c"]
    series.forget_before(8 * S)
    assert sorted(series.named()) == ["c"]


def test_two_streams_of_one_series_go_on_side_by_side(series):
    """A total and what is added to it: each is compared with its own, and the series has the later point of both."""
    added = [point(time, 10, temporality=DELTA, start=time - 5) for time in (10, 20, 30)]
    totals = [point(time, 2 * time, start=5) for time in (15, 25, 35)]
    mixed = [one for pair in zip(added, totals, strict=True) for one in pair]
    assert values(series, *mixed) == [(10, 2), (20, 2), (25, 2), (30, 2), (35, 2)]
    assert len(series) == 1


def test_series_that_make_room_for_others_of_the_same_request_have_no_values_of_these():
    series = Series(2, lambda rows: None, lambda key: key[2].decode(), lambda row, key: None)
    found = read(series, *(gauge(10, value, metric=f"m{value}".encode()) for value in range(5)))
    named = {series.keys[row][2]: value for row, value in zip(found.rows.tolist(), found.values.tolist(), strict=True)}
    assert [f"m{value:.0f}".encode() for value in named.values()] == list(named), "each has its own"
    assert len(found) == 2
    assert (len(series), series.evicted) == (2, 3)


def test_streams_beyond_the_cap_make_room_and_begin_anew():
    totals = Totals(2)
    streams = [Stream((b"", b"", str(number).encode(), (), "", ""), CUMULATIVE) for number in range(4)]
    for time, stream in enumerate([*streams, streams[3]], 1):
        slots = totals.slots([stream])
        now = np.array([time * S])
        totals.see(slots, now)
        came = totals.since(slots, np.array([S // 2]), now, np.array([10.0 * time]))
        assert np.isnan(came.rates[0]) == (time <= 4)
    assert totals.slots([streams[0]]).tolist() != totals.slots([streams[3]]).tolist()


def test_however_many_streams_come_at_once_no_more_than_those_and_the_cap_are_known():
    totals = Totals(10)
    for turn in range(5):
        slots = totals.slots([Stream((b"", b"", f"{turn}.{number}".encode(), (), "", "")) for number in range(100)])
        assert len(set(slots.tolist())) == 100
        totals.see(slots, np.full(100, turn + 1))
        assert len(totals) <= 110

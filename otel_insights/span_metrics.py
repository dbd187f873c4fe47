"""What was counted of spans as OTLP metrics, named as the Collector's span metrics connector names them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE, Exemplar, Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otel_insights import semconv
from otel_insights.analysis.red import Red, Series
from otel_insights.payload import Scalar, attribute

_MS = 1e6
"""Nanoseconds of a millisecond, which is the connector's unit."""


def metrics(red: Red, now_ns: int) -> Iterator[Metric]:
    """Write calls and durations, cumulative since the first call of each kind; whose they are is namespace, service."""
    counted = list(red.series())
    if not counted:
        return
    calls = Metric(name=semconv.SPAN_CALLS)
    calls.sum.aggregation_temporality, calls.sum.is_monotonic = AGGREGATION_TEMPORALITY_CUMULATIVE, True
    took = Metric(name=semconv.SPAN_DURATION, unit="ms")
    took.histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
    bounds = [bound / _MS for bound in red.bounds]
    for one in counted:
        attributes, times = _attributes(one), (one.start_ns, now_ns)
        many = sum(one.counts)
        calls.sum.data_points.add(
            attributes=attributes,
            start_time_unix_nano=times[0],
            time_unix_nano=times[1],
            as_int=many,
            exemplars=_exemplars(one),
        )
        took.histogram.data_points.add(
            attributes=attributes,
            start_time_unix_nano=times[0],
            time_unix_nano=times[1],
            count=many,
            sum=one.total / _MS,
            bucket_counts=one.counts,
            explicit_bounds=bounds,
            exemplars=_exemplars(one),
        )
    yield calls
    yield took


def _exemplars(one: Series) -> list[Exemplar]:
    """Name the span that took longest since the last time."""
    if one.longest is None:
        return []
    took, (trace_id, span_id, end_ns) = one.longest[0], cast("tuple[bytes, bytes, int]", one.longest[1])
    return [Exemplar(time_unix_nano=end_ns, as_double=took / _MS, trace_id=trace_id, span_id=span_id)]


def _attributes(one: Series) -> list[KeyValue]:
    if one.kind is None or not isinstance(one.of, tuple):
        return [attribute(semconv.METRIC_OVERFLOW, True)]  # noqa: FBT003 - an attribute's value
    (namespace, service), (name, kind, code) = one.of, one.kind
    values: dict[str, Scalar] = {
        semconv.SERVICE_NAME: service,
        "span.name": name.decode(errors="replace"),
        "span.kind": _word(Span.SpanKind, kind),
        "status.code": _word(Status.StatusCode, code),
    }
    if namespace:
        values[semconv.SERVICE_NAMESPACE] = namespace
    return [attribute(key, value) for key, value in values.items()]


def _word(enum: type[Span.SpanKind | Status.StatusCode], number: int) -> str:
    """Name a member as the protocol does; one that it does not know by its number."""
    try:
        return enum.Name(number)  # type: ignore[arg-type] # that is found out here
    except ValueError:
        return str(number)

"""What is told of an anomaly: when it opens, and when it has ended."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import orjson
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar

from otel_insights import semconv
from otel_insights.analysis.lines import ABSENCE, DETECTOR
from otel_insights.analysis.streams import SeriesKey
from otel_insights.findings import Value, finding
from otel_insights.scoring import Scored, series_id
from otel_insights.store.anomalies import Anomaly
from otel_insights.store.environments import EnvironmentKey
from otel_insights.store.outbox import Finding


def pattern(
    key: SeriesKey, whose: EnvironmentKey, resource: Mapping[str, object], attributes: Mapping[str, object]
) -> Anomaly:
    """Say of which series an anomaly is; when and how far it goes is left open. `key` is what it is by now."""
    return Anomaly(
        id="",
        series=series_id(key),
        namespace=whose.namespace,
        service=whose.service,
        instance=whose.instance,
        metric=key[2].decode(errors="replace"),
        part=key[4],
        attributes=orjson.dumps(dict(attributes)).decode(),
        resource=orjson.dumps(dict(resource)).decode(),
        opened_ns=0,
        closed_ns=None,
        ended="",
        recorded_ns=0,
        score=0.0,
        threshold=0.0,
        observed=0.0,
        expected=None,
        lower=None,
        upper=None,
        direction="down",
        detector=ABSENCE,
    )


def opened(one: Scored, of: Anomaly, detector: str, exemplar: Exemplar, now_ns: int) -> Anomaly:
    """Make an anomaly of the point that opened it; `of` is the pattern of its series."""
    return replace(
        of,
        id=f"{'T' if detector == DETECTOR else 'A'}-{of.series[:8]}-{one.time_ns // 10**9:x}",
        opened_ns=one.time_ns,
        recorded_ns=now_ns,
        detector=detector,
        trace_id=exemplar.trace_id.hex(),
        span_id=exemplar.span_id.hex(),
        **_height(one),  # type: ignore[arg-type]
    )


def peaked(anomaly: Anomaly, one: Scored) -> Anomaly:
    """Take a higher point for the one that tells of the anomaly."""
    return replace(anomaly, **_height(one))  # type: ignore[arg-type]


def _height(one: Scored) -> dict[str, float | str | None]:
    known = math.isfinite(one.expected)
    return {
        "score": one.score,
        "threshold": one.threshold,
        "observed": one.value,
        "expected": one.expected if known else None,
        "lower": one.lower if math.isfinite(one.lower) else None,
        "upper": one.upper if math.isfinite(one.upper) else None,
        "direction": "down" if one.value < (one.expected if known else one.lower) else "up",
    }


def closed(anomaly: Anomaly, time_ns: int, why: str) -> Anomaly:
    """End an anomaly; never before it began."""
    return replace(anomaly, closed_ns=max(time_ns, anomaly.opened_ns), ended=why)


def over(anomaly: Anomaly, one: Scored) -> Anomaly:
    """End an anomaly with the point that is normal again, or with which the series has stayed where it went."""
    up = anomaly.direction == "up"
    edge = anomaly.upper if up else anomaly.lower
    stays = edge is not None and (one.value > edge if up else one.value < edge)
    stays = stays and anomaly.detector != DETECTOR  # a line may have been changed meanwhile
    return closed(anomaly, one.time_ns, "new_level" if stays else "recovered")


def told(one: Anomaly) -> Finding:
    """Make the log event that says that an anomaly opened, or that it is closed."""
    attributes: dict[str, Value] = {
        semconv.ANOMALY_ID: one.id,
        semconv.ANOMALY_METRIC: one.metric,
        semconv.ANOMALY_SCORE: one.score,
        semconv.ANOMALY_THRESHOLD: one.threshold,
        semconv.ANOMALY_OBSERVED: one.observed,
        semconv.ANOMALY_DIRECTION: one.direction,
        semconv.ANOMALY_DETECTOR: one.detector,
        semconv.SUBJECT_NAMESPACE: one.namespace,
        semconv.SUBJECT_NAME: one.service,
    }
    optional = {
        semconv.ANOMALY_EXPECTED: one.expected,
        semconv.ANOMALY_LOWER: one.lower,
        semconv.ANOMALY_UPPER: one.upper,
        semconv.ANOMALY_PART: one.part or None,
        semconv.SUBJECT_INSTANCE: one.instance or None,
    }
    attributes |= {key: value for key, value in optional.items() if value is not None}
    trace = {"trace_id": bytes.fromhex(one.trace_id), "span_id": bytes.fromhex(one.span_id)}
    if one.closed_ns is None:
        return finding(
            semconv.ANOMALY_OPENED, one.id, sentence(one), attributes, time_ns=one.opened_ns, severity="WARN", **trace
        )
    seconds = (one.closed_ns - one.opened_ns) / 1e9
    attributes |= {semconv.ANOMALY_DURATION: seconds, semconv.ANOMALY_ENDED: one.ended}
    body = f"{sentence(one)}; over after {seconds:g} s ({one.ended.replace('_', ' ')})"
    return finding(semconv.ANOMALY_CLOSED, one.id, body, attributes, time_ns=one.closed_ns, severity="INFO", **trace)


def sentence(one: Anomaly) -> str:
    """Say what a series did.

    >>> identity = ("A-1", "s", "", "shop", "", "queue.depth", "", "{}", "{}")
    >>> sentence(Anomaly(*identity, 0, None, "", 0, 2.0, 2.1, 31.0, 10.0, 5.0, 15.0, "up", "robust-1"))
    'queue.depth of shop rose to 31, 3.1 times the 10 expected'
    """
    what = f"{one.part} of {one.metric}" if one.part and one.part != "count" else one.metric
    whose = f" of {one.service}" if one.service else ""
    if one.detector == ABSENCE:
        return f"{what}{whose} fell silent: nothing came for {one.observed:.4g} s"
    if one.detector == DETECTOR:
        side = "above" if one.direction == "up" else "below"
        return f"{what}{whose} was {side} {one.threshold:.4g}: {one.observed:.4g}"
    went = "rose" if one.direction == "up" else "fell"
    if one.expected is None:
        return f"{what}{whose} {went} to {one.observed:.4g}"
    times = one.observed / one.expected if one.expected else 0.0
    compared = f"{times:.2g} times the {one.expected:.4g} expected" if times > 0 else f"{one.expected:.4g} was expected"
    return f"{what}{whose} {went} to {one.observed:.4g}, {compared}"

"""What the API answers about anomalies of metrics, as types."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from otel_insights.api.shapes import RisenTemplate, Shape


class AnomalyRecord(Shape):
    """An anomaly under the names that earlier clients know."""

    id: str
    service: str
    metric: str
    window: str = Field(
        description="Its beginning and end, an ISO 8601 interval; `..` for an end while it goes on",
        examples=["2026-01-02T03:04:00.000000Z/2026-01-02T03:09:00.000000Z"],
    )
    score: float = Field(description="The highest; 1 is the threshold")
    threshold: float = Field(description="The detector's own score that is 1")
    ts: str = Field(description="When it opened, RFC 3339")
    model_version: str = Field(examples=["robust-2"])


class Anomaly(Shape):
    """An episode in which a metric series did what was not expected of it."""

    id: str
    text: str = Field(
        examples=["p95 of http.server.request.duration of checkout rose to 0.9, 3.1 times the 0.29 expected"]
    )
    metric: str
    part: str | None = Field(description="Of a histogram or summary: `count` (a second), `p50`, `p95`, `p99`")
    namespace: str
    service: str
    instance: str
    resource: dict[str, str]
    attributes: dict[str, str] = Field(description="Of the series' points")
    start: str = Field(description="RFC 3339")
    end: str | None = Field(description="null while it goes on")
    ended: str | None = Field(
        description="Why it is over: `recovered`, `new_level`, `no_data`, `forgotten`, `restarted`",
        examples=["recovered"],
    )
    peak_score: float = Field(description="1 is the threshold")
    threshold: float = Field(description="The detector's own score that is 1")
    observed: float = Field(description="The value with the highest score; of sums what came a second")
    expected: float | None
    lower: float | None = Field(description="Below it a value would have been unusual")
    upper: float | None = Field(description="Above it a value would have been unusual")
    direction: str = Field(examples=["up"])
    detector: str = Field(examples=["robust-2"])
    verdict: str | None = Field(description="What a person says: `anomaly` or `not_anomaly`")
    trace_id: str = Field(description="One of the requests that opened it, where the sender names one (an exemplar)")
    span_id: str


class AnomalyInFull(Anomaly):
    """An anomaly with the log lines that rose with it."""

    rose_with_templates: list[RisenTemplate]


class AnomalyPage(Shape):
    """Some anomalies, the latest first, and where the next ones begin."""

    items: list[Anomaly]
    next: str | None = Field(description="Give this as `cursor` for the next page; null on the last one")


class SaidOfAnomaly(Shape):
    """What a person says of an anomaly."""

    verdict: Literal["anomaly", "not_anomaly"] = Field(
        description="`not_anomaly` raises the threshold of its series, for good; `anomaly` undoes that",
        examples=["not_anomaly"],
    )


class AnomalyNoted(Shape):
    """What becomes of it."""

    status: Literal["noted"]
    text: str


class CameUp(Shape):
    """A value of the configuration that came up about then. No proof of a cause."""

    service: str
    key: str = Field(examples=["service.version"])
    before: str | None = Field(description="What stood there most often before", examples=["1.8.2"])
    after: str = Field(examples=["1.8.3"])
    time: str = Field(description="RFC 3339")
    environments: int = Field(description="In how many environments")


class ClusterBegan(Shape):
    """A cluster of exceptions that began about then. No proof of a cause."""

    id: str
    service: str
    title: str
    state: str = Field(description="`new`, `escalating` or `regressed`")
    time: str = Field(description="RFC 3339")
    same_instances: bool = Field(description="Whether it began on an instance of the anomalies")


class Incident(Shape):
    """Anomalies that began together, and what else began about then."""

    id: str = Field(description="The id of its first anomaly")
    namespace: str
    services: list[str] = Field(description="In the order in which they were affected")
    start: str = Field(description="RFC 3339")
    end: str | None = Field(description="When the last of its anomalies was over; null while one goes on")
    text: str = Field(
        examples=["queue.depth of checkout rose to 310, 3.1 times the 100 expected at 14:02 UTC, 2 minutes after ..."]
    )
    anomalies: list[Anomaly]
    changes: list[CameUp]
    clusters: list[ClusterBegan]


class Incidents(Shape):
    """The latest ones, the last to begin first, and where the next ones begin."""

    items: list[Incident]
    next: str | None = Field(description="Give this as `cursor` for the next page; null on the last one")

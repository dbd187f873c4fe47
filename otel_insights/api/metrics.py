"""/query/metrics, /query/logs and /api/v1/metrics: the latest points and records, as far as the windows hold them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from otel_insights import log_window, metric_window
from otel_insights.api.anomalies import Since, since_ns
from otel_insights.api.problems import Problem
from otel_insights.api.shapes import Shape
from otel_insights.metric_window import AGGREGATIONS, Asked
from otel_insights.report import rfc3339
from otel_insights.service import Service
from otel_insights.store.corrections import WrongCorrection

Limit = Annotated[int, Query(ge=1, le=1000)]
ServiceName = Annotated[str, Query(alias="service", max_length=255, description="Only this `service.name`")]
Moment = Annotated[str, Query(max_length=64, description="2026-12-31T12:00:00Z, or so long ago: 15m")]


class MetricRow(Shape):
    """A point, as clients of an earlier system know it."""

    service: str = Field(examples=["checkout"])
    metric: str = Field(examples=["latency_ms"])
    value: float = Field(examples=[120.5])
    ts: str = Field(examples=["2026-01-02T03:04:05.000000Z"])
    labels: dict[str, str] = Field(examples=[{"region": "eu"}])


class LogRow(Shape):
    """A log record, as clients of an earlier system know it."""

    service: str = Field(examples=["checkout"])
    level: str = Field(examples=["ERROR"])
    message: str = Field(examples=["payment 17 failed: card declined"])
    ts: str = Field(examples=["2026-01-02T03:04:05.000000Z"])
    context: dict[str, str] = Field(examples=[{"order": "17"}])


class KnownMetric(Shape):
    """A metric of the window."""

    name: str = Field(examples=["latency_ms"])
    points: int


class TimeRange(Shape):
    """From the first point to the last."""

    start: str
    end: str


class Aggregated(Shape):
    """One number for many points."""

    value: float
    aggregation: str = Field(examples=["MEAN"])
    sample_count: int
    time_range: TimeRange


class Aggregates(Shape):
    """An aggregate for each metric that has points."""

    status: str = Field(examples=["success"])
    metrics: dict[str, Aggregated]


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = APIRouter(tags=["metrics"])

    @router.get("/query/metrics", summary="List the latest metric points for clients of an earlier system")
    async def query_metrics(
        service_name: ServiceName = "",
        metric: Annotated[str, Query(max_length=255, description="Only this metric")] = "",
        since: Since = "",
        limit: Limit = 100,
    ) -> list[MetricRow]:
        """List numbers of gauges and sums as they came, the last one first, as far as the window holds them."""
        asked = Asked(service_name, [metric] * bool(metric), since_ns(since, service.now_ns()))
        return [MetricRow.model_validate(one) for one in await service.store.read(metric_window.latest, asked, limit)]

    @router.get("/query/logs", summary="List the latest log records for clients of an earlier system")
    async def query_logs(
        service_name: ServiceName = "",
        level: Annotated[str, Query(max_length=16, description="This one, or more severe")] = "",
        since: Since = "",
        limit: Limit = 100,
    ) -> list[LogRow]:
        """List log records, the last one first, as far as the window holds them."""
        found: list[dict[str, Any]] = []
        cursor: str | None = ""
        try:
            asked = log_window.Asked(service_name, level, since_ns(since, service.now_ns()))
            while cursor is not None and len(found) < limit:
                rows, cursor = await service.store.read(log_window.latest, asked, limit - len(found), cursor)
                found += rows
        except WrongCorrection as error:
            raise Problem(422, "INVALID_REQUEST", f"query.level: {error}") from error
        return [
            LogRow(
                service=one["service"],
                level=one["severity"],
                message=one["body"],
                ts=one["time"],
                context=one["attributes"],
            )
            for one in found
        ]

    @router.get("/api/v1/metrics", summary="List the metrics of the window")
    async def list_metrics(service_name: ServiceName = "", since: Since = "") -> list[KnownMetric]:
        """List the names of gauges and sums, with how many points the window holds of each."""
        asked = Asked(service_name, (), since_ns(since, service.now_ns()))
        found = await service.store.read(metric_window.names, asked)
        return [KnownMetric(name=name, points=points) for name, points in found.items()]

    @router.get("/api/v1/metrics/aggregate", summary="Aggregate metrics over the window")
    async def aggregate(
        names: Annotated[str, Query(max_length=4096, description="By comma; all where none is named")] = "",
        start: Moment = "",
        end: Moment = "",
        agg: Annotated[str, Query(max_length=16, description=", ".join(AGGREGATIONS))] = "MEAN",
        service_name: ServiceName = "",
    ) -> Aggregates:
        """Aggregate numbers of gauges and sums as they came, over all their series: exact on what the window holds."""
        if agg.upper() not in AGGREGATIONS:
            raise Problem(
                400, "INVALID_AGGREGATION", f"query.agg: expected one of {', '.join(AGGREGATIONS)}, got {agg!r}"
            )
        now = service.now_ns()
        until = {"until_ns": since_ns(end, now)} if end else {}
        wanted = [name.strip() for name in names.split(",") if name.strip()]
        asked = Asked(service_name, wanted, since_ns(start, now), **until)
        found = await service.store.read(metric_window.aggregate, asked, agg.upper())
        return Aggregates(
            status="success",
            metrics={
                name: Aggregated(
                    value=one.value,
                    aggregation=agg.upper(),
                    sample_count=one.count,
                    time_range=TimeRange(start=rfc3339(one.first_ns), end=rfc3339(one.last_ns)),
                )
                for name, one in found.items()
            },
        )

    return router

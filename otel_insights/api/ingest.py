"""/ingest/metrics and /ingest/logs: single points and lines by JSON, turned into OTLP."""

from __future__ import annotations

import time

from fastapi import APIRouter

from otel_insights import semconv
from otel_insights.api import telemetry
from otel_insights.api.entrance import Entrance
from otel_insights.api.requests import LogLine, MetricPoint
from otel_insights.api.shapes import Received
from otel_insights.payload import Payload
from otel_insights.service import Service


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = APIRouter(prefix="/ingest", tags=["old contracts"])
    entrance = Entrance(service)

    async def take(payload: Payload, kind: str) -> None:
        began = time.perf_counter()
        try:
            await entrance.take(payload)
        finally:
            service.metrics.add("telemetry_ingest_requests", type=kind)
            service.metrics.observe("telemetry_ingest_latency_seconds", time.perf_counter() - began)

    @router.post("/metrics", summary="Take a metric's value")
    async def metrics(body: MetricPoint) -> Received:
        """Take one value; the same sent again is the same point of the same series."""
        sender = telemetry.resource({semconv.SERVICE_NAME: body.service})
        point = telemetry.gauge(sender, body.metric, body.value, telemetry.nanoseconds(body.ts), body.labels or {})
        await take(point, "metric")
        return Received(status="success", id=body.metric)

    @router.post("/logs", summary="Take a line of a log")
    async def logs(body: LogLine) -> Received:
        """Take one line; an exception in its context (`exception.type`, ...) counts once, however often it is sent."""
        sender = telemetry.resource({semconv.SERVICE_NAME: body.service})
        time_ns = telemetry.nanoseconds(body.ts)
        line = telemetry.record(time_ns, body.context or {}, body=body.message, level=body.level)
        await take(telemetry.logs(sender, [line]), "log")
        return Received(status="success", id=body.service)

    return router

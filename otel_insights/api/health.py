"""/, /healthz, /health and /metrics: how we are."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from otel_insights import own_metrics
from otel_insights.api.shapes import Health, Healthz, Heartbeat, Stats
from otel_insights.api.version import VERSION
from otel_insights.component import Kind
from otel_insights.payload import Signal
from otel_insights.selfmetrics import SelfMetrics, passed
from otel_insights.semconv import SERVICE_NAME_OF_OURS
from otel_insights.service import Service
from otel_insights.store.health import used_percent


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = APIRouter(tags=["health"])
    began = time.monotonic()

    @router.get("/", summary="Heartbeat")
    async def heartbeat() -> Heartbeat:
        """Tell that somebody is there."""
        return Heartbeat(service=SERVICE_NAME_OF_OURS, version=VERSION, status="ok")

    @router.get("/healthz", summary="Liveness")
    async def healthz() -> Healthz:
        """Tell that the service is up and its store can be read."""
        return Healthz(status="ok", version=VERSION, instance_id=service.instance_id)

    @router.get("/health", summary="Health with statistics")
    async def health() -> Health:
        """Tell how long the service has been up, what it has recorded, and how full its storage is."""
        events = _accepted(service.metrics, Signal.TRACES) + _accepted(service.metrics, Signal.LOGS)
        stats = Stats(
            events_recorded=int(events),
            metrics_recorded=int(_accepted(service.metrics, Signal.METRICS)),
            data_retention_days=_retention_days(service),
            storage_usage_percentage=used_percent(service.config.store.url),
        )
        return Health(status="healthy", version=VERSION, uptime_seconds=round(time.monotonic() - began, 3), stats=stats)

    @router.get("/metrics", summary="Our own metrics, for Prometheus", response_class=Response, responses=_TEXT)
    async def metrics() -> Response:
        """Give our counters, and what was found, in Prometheus' text format."""
        found = await service.store.read(own_metrics.found)
        text = generate_latest(service.metrics.registry) + own_metrics.prometheus_text(found)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return router


_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"example": 'otelcol_receiver_accepted_spans_total{receiver="otlp_grpc"} 7.0'}}}
}


def _accepted(metrics: SelfMetrics, signal: Signal) -> float:
    name = passed(Kind.RECEIVER, signal.item, "accepted")
    return sum(
        sample.value
        for family in metrics.registry.collect()
        if family.name == name
        for sample in family.samples
        if sample.name.endswith("_total")
    )


def _retention_days(service: Service) -> float:
    of_exceptions = [
        service.config.components[Kind.PROCESSOR][id_].retention  # type: ignore[attr-defined]
        for id_ in service.processors
        if id_.type == "exceptions"
    ]
    return float(round(min(of_exceptions, default=0.0) / 86_400, 2))

"""/anomalies and /api/v1/anomalies: what metrics did that was not expected of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from otel_insights import log_window
from otel_insights.anomaly_listing import judge, portrait, row
from otel_insights.api.anomaly_shapes import (
    AnomalyInFull,
    AnomalyNoted,
    AnomalyPage,
    AnomalyRecord,
    SaidOfAnomaly,
)
from otel_insights.api.problems import Problem
from otel_insights.report import rfc3339
from otel_insights.service import Service
from otel_insights.store import anomalies as memory
from otel_insights.store.anomalies import UnknownAnomaly
from otel_insights.store.corrections import WrongCorrection
from otel_insights.store.templates import fold

ServiceName = Annotated[str | None, Query(alias="service", max_length=255, description="Only this `service.name`")]
Metric = Annotated[str | None, Query(max_length=255, description="Only this metric")]
Since = Annotated[
    str,
    Query(
        alias="since", max_length=64, description="Only what went on after 2026-12-31T12:00:00Z, or for so long: 15m"
    ),
]


def since_ns(text: str, now_ns: int) -> int:
    """Read `since`; a problem of the client where that is no time."""
    try:
        return log_window.since(text, now_ns)
    except WrongCorrection as error:
        raise Problem(422, "INVALID_REQUEST", f"query.since: {error}") from error


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = APIRouter(tags=["anomalies"])

    @router.get("/anomalies", summary="List anomalies for clients of an earlier system")
    async def records(
        service_name: ServiceName = None,
        metric: Metric = None,
        since: Since = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> list[AnomalyRecord]:
        """List anomalies, the latest first."""
        found = await service.store.read(
            memory.page, limit=limit, service=service_name, metric=metric, since_ns=since_ns(since, service.now_ns())
        )
        return [_record(one) for one in found]

    @router.get("/api/v1/anomalies", summary="List anomalies of metrics")
    async def list_anomalies(
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        cursor: Annotated[str, Query(max_length=64, description="`next` of the page before")] = "",
        service_name: ServiceName = None,
        metric: Metric = None,
        since: Since = "",
        is_open: Annotated[
            bool | None, Query(alias="open", description="Only those that go on, or only those that are over")
        ] = None,
    ) -> AnomalyPage:
        """List anomalies, the latest first, page by page."""
        try:
            found = await service.store.read(
                memory.page,
                after=cursor,
                limit=limit + 1,
                service=service_name,
                metric=metric,
                since_ns=since_ns(since, service.now_ns()),
                is_open=is_open,
            )
        except UnknownAnomaly as error:
            raise Problem(422, "INVALID_REQUEST", f"query.cursor: {error}") from error
        following = found[limit - 1].id if len(found) > limit else None
        return AnomalyPage.model_validate({"items": [row(one) for one in found[:limit]], "next": following})

    @router.get("/api/v1/anomalies/{anomaly_id}", summary="Show an anomaly")
    async def show(anomaly_id: str) -> AnomalyInFull:
        """Show an anomaly: what was observed and expected, of which series, for how long, and what rose with it."""
        await service.store.write(fold)
        try:
            return AnomalyInFull.model_validate(await service.store.read(portrait, anomaly_id))
        except UnknownAnomaly as error:
            raise Problem(404, "UNKNOWN_ANOMALY", str(error)) from error

    @router.post("/api/v1/anomalies/{anomaly_id}/feedback", summary="Say whether it is an anomaly")
    async def feedback(anomaly_id: str, word: SaidOfAnomaly) -> AnomalyNoted:
        """Raise the threshold of the anomaly's series, or undo that; heeded from the next analysis on."""
        try:
            text = await service.store.write(judge, anomaly_id, word.verdict)
        except WrongCorrection as error:
            raise Problem(404, "UNKNOWN_ANOMALY", str(error)) from error
        return AnomalyNoted(status="noted", text=text)

    return router


def _record(one: memory.Anomaly) -> AnomalyRecord:
    return AnomalyRecord(
        id=one.id,
        service=one.service,
        metric=one.metric,
        window=f"{rfc3339(one.opened_ns)}/{rfc3339(one.closed_ns) if one.closed_ns is not None else '..'}",
        score=one.score,
        threshold=one.threshold,
        ts=rfc3339(one.opened_ns),
        model_version=one.detector,
    )

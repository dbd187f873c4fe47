"""GET /api/v1/events: which log events came, and which did not."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from otel_insights.api.problems import Problem
from otel_insights.api.shapes import Shape
from otel_insights.log_window import since
from otel_insights.seen_events import seen, shown
from otel_insights.service import Service
from otel_insights.store.corrections import WrongCorrection


class EventSeen(Shape):
    """An event that came."""

    name: str
    count: int
    services: list[str]
    first: str
    last: str


class EventMissing(Shape):
    """An event that applications are known to send, and none did."""

    name: str
    told_by: str


class EventsSeen(Shape):
    """What came, and what did not."""

    seen: list[EventSeen] = Field(description="The most frequent first")
    missing: list[EventMissing]


def routes(service: Service) -> APIRouter:
    """Make the route over a running service."""
    router = APIRouter(prefix="/api/v1", tags=["logs"])

    @router.get("/events", summary="List the events that came")
    async def list_events(
        service_name: Annotated[
            str, Query(alias="service", max_length=255, description="Only this `service.name`")
        ] = "",
        since_when: Annotated[
            str, Query(alias="since", max_length=64, description="Only since 2026-12-31T12:00:00Z, or for so long: 15m")
        ] = "",
    ) -> EventsSeen:
        """Count log events by name, in the latest 16 MiB of the window of log records; and tell what did not come."""
        try:
            since_ns = since(since_when, service.now_ns())
        except WrongCorrection as error:
            raise Problem(422, "INVALID_REQUEST", str(error)) from None
        found = await service.store.read(lambda db: shown(seen(db, service_name, since_ns)))
        return EventsSeen.model_validate(found)

    return router

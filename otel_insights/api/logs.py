"""/api/v1/logs: the latest log records."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from otel_insights.api.problems import Problem
from otel_insights.api.template_shapes import LogPage
from otel_insights.log_window import Asked, latest, since
from otel_insights.service import Service
from otel_insights.store.corrections import WrongCorrection


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = APIRouter(prefix="/api/v1", tags=["logs"])

    @router.get("/logs", summary="List the latest log records")
    async def list_logs(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        cursor: Annotated[str, Query(max_length=64, description="`next` of the page before")] = "",
        service_name: Annotated[
            str, Query(alias="service", max_length=255, description="Only this `service.name`")
        ] = "",
        level: Annotated[
            str, Query(max_length=16, description="Only TRACE, DEBUG, INFO, WARN, ERROR or FATAL, or more severe")
        ] = "",
        since_when: Annotated[
            str, Query(alias="since", max_length=64, description="Only since 2026-12-31T12:00:00Z, or for so long: 15m")
        ] = "",
        template: Annotated[str, Query(max_length=64, description="Only of the log template with this id")] = "",
        text: Annotated[str, Query(max_length=300, description="Only with this in the body, whatever the case")] = "",
    ) -> LogPage:
        """List records as far as the window holds them, the last one first, page by page.

        A page may hold fewer than `limit`, or none, and still have a `next`: one answer reads so much, and no more.
        """
        try:
            asked = Asked(service_name, level, since(since_when, service.now_ns()), template, text)
            items, following = await service.store.read(latest, asked, limit, cursor)
        except WrongCorrection as error:
            raise Problem(422, "INVALID_REQUEST", str(error)) from None
        return LogPage.model_validate({"items": items, "next": following})

    return router

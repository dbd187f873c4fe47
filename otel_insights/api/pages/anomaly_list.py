"""/anomalies as a browser asks for it: incidents, and what metrics did that was not expected of them."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response

from otel_insights import incident_portrait
from otel_insights.anomaly_listing import row
from otel_insights.api.pages.rendering import page, pages, query
from otel_insights.api.problems import Problem
from otel_insights.service import Service
from otel_insights.store import anomalies as memory
from otel_insights.store.anomalies import UnknownAnomaly
from otel_insights.store.engine import Database

_PAGE: Final = 50
_INCIDENTS: Final = 5


def routes(service: Service) -> APIRouter:
    """Make the route over a running service."""
    router = pages(beside_json=True)

    @router.get("/anomalies")
    async def anomalies(
        request: Request,
        service_name: Annotated[str, Query(max_length=255, alias="service")] = "",
        metric: Annotated[str, Query(max_length=255)] = "",
        state: Literal["", "open", "over"] = "",
        cursor: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        asked = {"service": service_name.strip(), "metric": metric.strip(), "state": state}
        try:
            found = await service.store.read(_read, asked, cursor)
        except UnknownAnomaly as error:
            raise Problem(422, "INVALID_REQUEST", f"query.cursor: {error}") from error
        return page(request, "anomalies.html", {**found, "asked": asked, "cursor": cursor})

    return router


def _read(db: Database, asked: dict[str, str], cursor: str) -> dict[str, Any]:
    found = memory.page(
        db,
        after=cursor,
        limit=_PAGE + 1,
        service=asked["service"] or None,
        metric=asked["metric"] or None,
        is_open={"open": True, "over": False}.get(asked["state"]),
    )
    of_all = not cursor and not any(asked.values())
    return {
        "rows": [row(one) for one in found[:_PAGE]],
        "next": query("/anomalies", **asked, cursor=found[_PAGE - 1].id) if len(found) > _PAGE else "",
        "incidents": incident_portrait.latest(db, limit=_INCIDENTS) if of_all else [],
    }

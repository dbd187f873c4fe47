"""/log-clusters: what services log alike, each kind in a few sentences; and one of them whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from otel_insights import log_summaries
from otel_insights.api.pages.rendering import page, pages
from otel_insights.api.pages.summary_forms import model_of
from otel_insights.api.summaries import summary_of
from otel_insights.service import Service
from otel_insights.store import template_lists
from otel_insights.store.engine import Database
from otel_insights.store.log_views import Wanted
from otel_insights.store.templates import fold
from otel_insights.summary_requests import Subject

_MOST: Final = 50


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = pages()

    @router.get("/log-clusters")
    async def log_clusters(
        request: Request,
        severity: Annotated[str, Query(max_length=64)] = "ERROR",
        service_name: Annotated[str, Query(max_length=255, alias="service")] = "",
        text: Annotated[str, Query(max_length=300)] = "",
    ) -> Response:
        asked = {"severity": severity, "service": service_name, "text": text}
        await service.store.write(fold)
        found = await service.store.read(_read, asked)
        return page(request, "log_clusters.html", {**found, "asked": asked})

    @router.get("/log-clusters/{cluster_id}")
    async def log_cluster(request: Request, cluster_id: str) -> Response:
        one = await summary_of(service, Subject("log-cluster", cluster_id))
        return page(request, "log_cluster.html", {"one": one, "model": model_of(service)})

    return router


def _read(db: Database, asked: Mapping[str, str]) -> dict[str, Any]:
    wanted = Wanted(None, asked["service"] or None, asked["severity"], asked["text"])
    return {"found": log_summaries.summaries(db, wanted, _MOST), "most": _MOST, **template_lists.choices(db)}

"""/api/v1/templates: what log lines have in common."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from otel_insights.api.problems import Problem
from otel_insights.api.template_shapes import TemplateInFull, TemplatePage
from otel_insights.log_portrait import portrait, rows
from otel_insights.service import Service
from otel_insights.store import log_views
from otel_insights.store.log_views import Wanted
from otel_insights.store.templates import fold

Namespace = Annotated[str | None, Query(max_length=255, description="Only this `service.namespace`")]
ServiceName = Annotated[str | None, Query(max_length=255, description="Only this `service.name`")]
Text = Annotated[str, Query(max_length=300, description="Only with this in their text or name, whatever the case")]
SEVERITY = "Only logged with it: TRACE, DEBUG, INFO, WARN, ERROR, FATAL, or what a sender calls it"


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = APIRouter(prefix="/api/v1", tags=["logs"])

    @router.get("/templates", summary="List log templates")
    async def list_templates(
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        cursor: Annotated[str, Query(max_length=64, description="`next` of the page before")] = "",
        namespace: Namespace = None,
        service_name: Annotated[ServiceName, Query(alias="service")] = None,
        severity: Annotated[str, Query(max_length=16, description=SEVERITY)] = "",
        text: Text = "",
    ) -> TemplatePage:
        """List templates in order of their ids, page by page."""
        wanted = Wanted(namespace, service_name, severity, text)
        await service.store.write(fold)
        found = await service.store.read(log_views.page, after=cursor, limit=limit + 1, wanted=wanted)
        items = await service.store.read(rows, found[:limit])
        following = found[limit - 1].id if len(found) > limit else None
        return TemplatePage.model_validate({"items": items, "next": following})

    @router.get("/templates/{template_id}", summary="Show a log template")
    async def show_template(template_id: str) -> TemplateInFull:
        """Show a template with its hours. The id of one that has gone into another shows the one that goes on."""
        await service.store.write(fold)
        found = await service.store.read(log_views.get, template_id)
        if found is None:
            raise Problem(404, "UNKNOWN_TEMPLATE", f"there is no log template {template_id!r}")
        return TemplateInFull.model_validate(await service.store.read(portrait, found))

    return router

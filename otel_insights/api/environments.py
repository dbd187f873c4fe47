"""/api/v1/environments and /api/v1/services: who sends, with which configuration."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query

from otel_insights.api.environment_shapes import (
    EnvironmentComparison,
    EnvironmentInFull,
    EnvironmentPage,
    ServicePage,
)
from otel_insights.api.problems import Problem
from otel_insights.environment_listing import compared, environment_row, service_row, shown
from otel_insights.service import Service
from otel_insights.store import environments as memory
from otel_insights.store.corrections import WrongCorrection

Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="Its number, as the list tells it")]
Namespace = Annotated[str | None, Query(max_length=255, description="Only this `service.namespace`")]
Limit = Annotated[int, Query(ge=1, le=500)]


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = APIRouter(prefix="/api/v1", tags=["environments"])

    @router.get("/environments", summary="List environments")
    async def list_environments(
        limit: Limit = 100,
        cursor: Annotated[int, Query(ge=0, le=2**63 - 1, description="`next` of the page before")] = 0,
        namespace: Namespace = None,
        service_name: Annotated[str | None, Query(alias="service", max_length=255)] = None,
    ) -> EnvironmentPage:
        """List environments in the order in which they were first heard of, page by page."""
        found = await service.store.read(
            memory.page, after=cursor, limit=limit + 1, namespace=namespace, service=service_name
        )
        following = found[limit - 1].id if len(found) > limit else None
        return EnvironmentPage.model_validate(
            {"items": [environment_row(one) for one in found[:limit]], "next": following}
        )

    @router.get("/environments/{number}", summary="Show an environment")
    async def show(number: Number) -> EnvironmentInFull:
        """Show an environment: its configuration, and the clusters that it fails in."""
        try:
            return EnvironmentInFull.model_validate(await service.store.read(shown, number))
        except WrongCorrection as error:
            raise Problem(404, "UNKNOWN_ENVIRONMENT", str(error)) from error

    @router.get("/environments/{number}/differences", summary="Compare two environments")
    async def compare(
        number: Number, other: Annotated[int, Query(alias="with", ge=1, le=2**63 - 1)]
    ) -> EnvironmentComparison:
        """Tell what differs between an environment and another one, and where only one of them fails."""
        try:
            return EnvironmentComparison.model_validate(await service.store.read(compared, number, other))
        except WrongCorrection as error:
            raise Problem(404, "UNKNOWN_ENVIRONMENT", str(error)) from error

    @router.get("/services", summary="List services")
    async def list_services(
        limit: Limit = 100,
        cursor: Annotated[str, Query(max_length=2048, description="`next` of the page before")] = "",
        namespace: Namespace = None,
    ) -> ServicePage:
        """List services in order of their names, with how many of their environments fail."""
        found = await service.store.read(memory.services, after=_place(cursor), limit=limit + 1, namespace=namespace)
        last = found[limit - 1] if len(found) > limit else None
        return ServicePage.model_validate(
            {
                "items": [service_row(one) for one in found[:limit]],
                "next": orjson.dumps([last.namespace, last.name]).decode() if last else None,
            }
        )

    return router


def _place(cursor: str) -> tuple[str, str] | None:
    """Read a cursor of ours: namespace and name, as JSON."""
    if not cursor:
        return None
    try:
        namespace, name = orjson.loads(cursor)
    except (ValueError, TypeError):
        namespace = name = None
    if not isinstance(namespace, str) or not isinstance(name, str):
        raise Problem(422, "INVALID_REQUEST", "query.cursor: expected `next` of the page before")
    return namespace, name

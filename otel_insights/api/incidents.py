"""/api/v1/incidents: anomalies that began together, and what came up about then."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from otel_insights import incident_portrait
from otel_insights.api.anomalies import ServiceName, Since, since_ns
from otel_insights.api.anomaly_shapes import Incidents
from otel_insights.service import Service

Namespace = Annotated[str | None, Query(max_length=255, description="Only this `service.namespace`")]


def routes(service: Service) -> APIRouter:
    """Make the route over a running service."""
    router = APIRouter(prefix="/api/v1", tags=["anomalies"])

    @router.get("/incidents", summary="List incidents")
    async def incidents(
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        cursor: Annotated[str, Query(max_length=64, description="`next` of the page before")] = "",
        namespace: Namespace = None,
        service_name: ServiceName = None,
        since: Since = "",
    ) -> Incidents:
        """Join anomalies that began together, with what came up about then: versions, packages, exceptions."""
        found = await service.store.read(
            incident_portrait.latest,
            limit=limit + 1,
            namespace=namespace,
            service=service_name,
            since_ns=since_ns(since, service.now_ns()),
            after=cursor,
        )
        following = found[limit - 1]["id"] if len(found) > limit else None
        return Incidents.model_validate({"items": found[:limit], "next": following})

    return router

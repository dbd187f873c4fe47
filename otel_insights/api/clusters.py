"""/api/v1/clusters: groups of exceptions, with what explains them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from otel_insights.api.problems import Problem
from otel_insights.api.shapes import ClusterInFull, ClusterPage
from otel_insights.portrait import portrait, state_of
from otel_insights.report import cluster_row, rfc3339
from otel_insights.service import Service
from otel_insights.store import clusters, suggestions
from otel_insights.store.clusters import Filter
from otel_insights.store.engine import Database

State = Literal["", "new", "ongoing", "escalating", "regressed", "resolved", "archived"]


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = APIRouter(prefix="/api/v1", tags=["clusters"])

    @router.get("/clusters", summary="List clusters")
    async def list_clusters(
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        cursor: Annotated[str, Query(max_length=64, description="`next` of the page before")] = "",
        namespace: Annotated[str | None, Query(max_length=255, description="Only this `service.namespace`")] = None,
        service_name: Annotated[
            str, Query(alias="service", max_length=255, description="Only what failed in this `service.name`")
        ] = "",
        state: Annotated[State, Query(description="Only in this state; empty for all")] = "",
        text: Annotated[
            str, Query(max_length=300, description="Only with this in the title or type, whatever the case")
        ] = "",
    ) -> ClusterPage:
        """List clusters in order of their ids, page by page."""
        wanted = Filter(namespace, service_name, state, text)
        found = await service.store.read(_page, cursor, limit + 1, wanted)
        following = found[limit - 1]["id"] if len(found) > limit else None
        return ClusterPage.model_validate({"items": found[:limit], "next": following})

    @router.get("/clusters/{cluster_id}", summary="Show a cluster")
    async def show_cluster(cluster_id: str) -> ClusterInFull:
        """Show a cluster with examples. The id of a cluster that was merged shows the one that goes on."""
        found = await service.store.read(clusters.get, cluster_id)
        if found is None:
            raise Problem(404, "UNKNOWN_CLUSTER", f"there is no cluster {cluster_id!r}")
        shown = await service.store.read(clusters.examples, found.id)
        examples = [
            {
                "fingerprint": one.fingerprint,
                "exception_type": one.exception_type,
                "message": one.message,
                "stacktrace": one.stacktrace,
                "reasons": list(one.reasons),
                "trace_id": one.trace_id,
                "span_id": one.span_id,
                "time": rfc3339(one.time_ns),
            }
            for one in shown
        ]
        more = await service.store.read(portrait, found.id)
        row = await service.store.read(_row, found)
        return ClusterInFull.model_validate({**row, **more, "examples": examples})

    return router


def _page(db: Database, after: str, limit: int, wanted: Filter) -> list[dict[str, Any]]:
    return [_row(db, one) for one in clusters.page(db, after=after, limit=limit, wanted=wanted)]


def _row(db: Database, cluster: clusters.Cluster) -> dict[str, Any]:
    silence = suggestions.silence_of(db, cluster.id)
    return {
        **cluster_row(cluster),
        "state": state_of(db, cluster.id),
        "suggestions": [one.body for one in suggestions.of_cluster(db, cluster.id)],
        "silence": {"reason": silence[0], "text": silence[1]} if silence else None,
    }

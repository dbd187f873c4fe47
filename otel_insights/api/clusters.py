"""/api/v1/clusters: groups of exceptions, with what explains them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from otel_insights import store as storage
from otel_insights.api.problems import Problem
from otel_insights.api.shapes import ClusterInFull, ClusterPage
from otel_insights.portrait import portrait, state_of
from otel_insights.report import cluster_row, rfc3339
from otel_insights.service import Service
from otel_insights.store import clusters, suggestions


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = APIRouter(prefix="/api/v1", tags=["clusters"])

    @router.get("/clusters", summary="List clusters")
    async def list_clusters(
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        cursor: Annotated[str, Query(max_length=64, description="`next` of the page before")] = "",
        namespace: Annotated[str | None, Query(max_length=255, description="Only this `service.namespace`")] = None,
    ) -> ClusterPage:
        """List clusters in order of their ids, page by page."""
        found = await service.store.read(clusters.page, after=cursor, limit=limit + 1, namespace=namespace)
        items = [await _row(service.store, one) for one in found[:limit]]
        return ClusterPage.model_validate({"items": items, "next": found[limit - 1].id if len(found) > limit else None})

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
        return ClusterInFull.model_validate({**await _row(service.store, found), **more, "examples": examples})

    return router


async def _row(store: storage.Store, cluster: clusters.Cluster) -> dict[str, Any]:
    silence = await store.read(suggestions.silence_of, cluster.id)
    return {
        **cluster_row(cluster),
        "state": await store.read(state_of, cluster.id),
        "suggestions": [one.body for one in await store.read(suggestions.of_cluster, cluster.id)],
        "silence": {"reason": silence[0], "text": silence[1]} if silence else None,
    }

"""/api/v1/log-clusters, and the summary of a cluster: what is alike, in a few sentences."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from otel_insights import cluster_summaries, log_summaries
from otel_insights.api.problems import Problem
from otel_insights.api.summary_shapes import ClusterSummary, LogClusterInFull, LogClusters
from otel_insights.api.templates import SEVERITY, Namespace, ServiceName, Text
from otel_insights.service import Service
from otel_insights.store.log_views import Wanted
from otel_insights.store.templates import fold


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = APIRouter(prefix="/api/v1")

    @router.get("/log-clusters", summary="Summarise what services log alike", tags=["logs"])
    async def log_clusters(
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        namespace: Namespace = None,
        service_name: Annotated[ServiceName, Query(alias="service")] = None,
        severity: Annotated[str, Query(max_length=16, description=f"{SEVERITY}; empty for all")] = "ERROR",
        text: Text = "",
    ) -> LogClusters:
        """Group the templates of all services that say the same, and summarise each group; the most frequent first."""
        wanted = Wanted(namespace, service_name, severity, text)
        await service.store.write(fold)
        return LogClusters.model_validate({"items": await service.store.read(log_summaries.summaries, wanted, limit)})

    @router.get("/log-clusters/{cluster_id}", summary="Summarise lines that say the same", tags=["logs"])
    async def log_cluster(cluster_id: str) -> LogClusterInFull:
        """Summarise one group of all severities, with what explains it."""
        await service.store.write(fold)
        found = await service.store.read(log_summaries.summary, cluster_id)
        if found is None:
            raise Problem(404, "UNKNOWN_LOG_CLUSTER", f"there is no group of log templates {cluster_id!r}")
        return LogClusterInFull.model_validate(found)

    @router.get("/clusters/{cluster_id}/summary", summary="Summarise a cluster", tags=["clusters"])
    async def cluster(cluster_id: str) -> ClusterSummary:
        """Summarise a cluster of exceptions in a few sentences, with what explains it."""
        await service.store.write(fold)
        found = await service.store.read(cluster_summaries.summary, cluster_id)
        if found is None:
            raise Problem(404, "UNKNOWN_CLUSTER", f"there is no cluster {cluster_id!r}")
        return ClusterSummary.model_validate(found)

    return router

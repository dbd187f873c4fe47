"""/api/v1/log-clusters, and the summary of a cluster: what is alike, in a few sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query

from otel_insights import log_summaries
from otel_insights.api.problems import Problem
from otel_insights.api.summary_shapes import ClusterSummary, LogClusterInFull, LogClusters, SummaryAsked
from otel_insights.api.templates import SEVERITY, Namespace, ServiceName, Text
from otel_insights.chat import NoReply
from otel_insights.service import Service
from otel_insights.store.log_views import Wanted
from otel_insights.store.templates import fold
from otel_insights.summary_requests import Kind, Subject, told

ClusterId = Annotated[str, Path(max_length=64)]


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
    async def log_cluster(cluster_id: ClusterId) -> LogClusterInFull:
        """Summarise one group of all severities, with what explains it."""
        return LogClusterInFull.model_validate(await summary_of(service, Subject("log-cluster", cluster_id)))

    @router.get("/clusters/{cluster_id}/summary", summary="Summarise a cluster", tags=["clusters"])
    async def cluster(cluster_id: ClusterId) -> ClusterSummary:
        """Summarise a cluster of exceptions in a few sentences, with what explains it."""
        return ClusterSummary.model_validate(await summary_of(service, Subject("cluster", cluster_id)))

    @router.post("/log-clusters/{cluster_id}/summary", status_code=202, summary="Have it summarised", tags=["logs"])
    async def write_log_cluster(cluster_id: ClusterId) -> SummaryAsked:
        """Ask the configured language model, in the background, unless it was asked the same before."""
        return SummaryAsked(status="under way", model=await have_written(service, Subject("log-cluster", cluster_id)))

    @router.post("/clusters/{cluster_id}/summary", status_code=202, summary="Have it summarised", tags=["clusters"])
    async def write_cluster(cluster_id: ClusterId) -> SummaryAsked:
        """Ask the configured language model, in the background, unless it was asked the same before."""
        return SummaryAsked(status="under way", model=await have_written(service, Subject("cluster", cluster_id)))

    return router


async def summary_of(service: Service, subject: Subject) -> dict[str, Any]:
    """Read a summary, and what became of the wish for one by a language model. Raises Problem for an unknown id."""
    await service.store.write(fold)
    found = await service.store.read(told, subject)
    if found is None:
        raise Problem(404, _UNKNOWN[subject.kind], subject.unknown)
    state = service.summariser.state(Subject(subject.kind, found["cluster_id"])) if service.summariser else ""
    return found | {"writing": state or None}


async def have_written(service: Service, subject: Subject) -> str:
    """Begin to have a summary written; names the model. Raises Problem where none is configured, or too much to do."""
    if service.summariser is None:
        raise Problem(409, "NO_SUMMARISER", "no language model is configured (`summariser`)")
    found = await summary_of(service, subject)
    try:
        service.summariser.begin(Subject(subject.kind, found["cluster_id"]))
    except NoReply as error:
        raise Problem(429, "TOO_MANY_REQUESTS", str(error)) from error
    return service.summariser.model


_UNKNOWN: Final[Mapping[Kind, str]] = {"log-cluster": "UNKNOWN_LOG_CLUSTER", "cluster": "UNKNOWN_CLUSTER"}

"""The wish of a person for a summary by the language model that is configured."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Response

from otel_insights.api.pages.rendering import back_to, pages
from otel_insights.api.summaries import have_written
from otel_insights.service import Service
from otel_insights.summary_requests import Kind, Subject


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = pages()

    async def begun(kind: Kind, path: str, id_: str) -> Response:
        model = await have_written(service, Subject(kind, id_))
        return back_to(f"{path}/{quote(id_, safe='')}", f"{model} is asked; look again in a moment.")

    @router.post("/log-clusters/{cluster_id}/summary")
    async def log_cluster(cluster_id: str) -> Response:
        return await begun("log-cluster", "/log-clusters", cluster_id)

    @router.post("/clusters/{cluster_id}/summary")
    async def cluster(cluster_id: str) -> Response:
        return await begun("cluster", "/clusters", cluster_id)

    return router


def model_of(service: Service) -> str:
    """Name the model that may be asked; "" where none is configured."""
    return service.summariser.model if service.summariser else ""

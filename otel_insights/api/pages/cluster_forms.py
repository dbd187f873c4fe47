"""What a person says of a cluster on its page: merged, split, renamed, resolved, archived."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from otel_insights import curation
from otel_insights.api.pages.rendering import back_to, fields_of, form_of, given, pages
from otel_insights.listing import time_of
from otel_insights.report import rfc3339
from otel_insights.service import Service
from otel_insights.store import corrections


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service. All raise WrongCorrection for what cannot be done."""
    router = pages()

    async def done(work: Callable[..., str], *args: object) -> str:
        return await service.store.write(lambda db: work(db, *args, service.now_ns()))

    @router.post("/clusters/{cluster_id}/merge")
    async def merge(request: Request, cluster_id: str) -> Response:
        other = given(await form_of(request), "other").strip()
        return _back(await done(curation.merge, cluster_id, other), f"{other} is part of this cluster now.")

    @router.post("/clusters/{cluster_id}/split")
    async def split(request: Request, cluster_id: str) -> Response:
        moving = [value for name, value in await fields_of(request) if name == "fingerprint"]
        return _back(await done(curation.split, cluster_id, moving), f"This cluster was split off {cluster_id}.")

    @router.post("/clusters/{cluster_id}/rename")
    async def rename(request: Request, cluster_id: str) -> Response:
        title = given(await form_of(request), "title")
        return _back(await done(corrections.rename, cluster_id, title), "Renamed.")

    @router.post("/clusters/{cluster_id}/resolve")
    async def resolve(cluster_id: str) -> Response:
        return _back(await done(curation.resolve, cluster_id), "Resolved. If it is seen again, it is regressed.")

    @router.post("/clusters/{cluster_id}/archive")
    async def archive(request: Request, cluster_id: str) -> Response:
        until_ns = time_of(given(await form_of(request), "until").strip(), service.now_ns())
        told = f"Archived until {rfc3339(until_ns)[:16].replace('T', ' ')}."
        return _back(await done(corrections.archive, cluster_id, until_ns), told)

    return router


def _back(cluster_id: str, said: str) -> Response:
    return back_to(f"/clusters/{quote(cluster_id, safe='')}", said)

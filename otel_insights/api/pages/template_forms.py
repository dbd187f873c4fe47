"""What a person says of log templates on their pages: renamed, merged, split, patterns of one's own."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from otel_insights.api.pages.rendering import back_to, form_of, given, pages
from otel_insights.service import Service
from otel_insights.store import log_corrections

_HEEDED = "Heeded from the next analysis on."
_LONGEST_NUMBER = 18


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service. All raise WrongCorrection for what cannot be done."""
    router = pages()

    @router.post("/templates/patterns/add")
    async def add_pattern(request: Request) -> Response:
        form = await form_of(request)
        whose = form.get("namespace", "").strip(), form.get("service", "").strip()
        number = await service.store.write(
            log_corrections.add_pattern, given(form, "pattern"), *whose, service.now_ns()
        )
        return back_to("/templates", f"Pattern {number} is there. {_HEEDED}")

    @router.post("/templates/patterns/remove")
    async def remove_pattern(request: Request) -> Response:
        number = given(await form_of(request), "pattern")
        await service.store.write(
            log_corrections.remove_pattern, int(number) if number.isdecimal() and len(number) < _LONGEST_NUMBER else -1
        )
        return back_to("/templates", f"Pattern {number} is gone. {_HEEDED}")

    @router.post("/templates/{template_id}/rename")
    async def rename(request: Request, template_id: str) -> Response:
        name = given(await form_of(request), "name")
        id_ = await service.store.write(log_corrections.rename, template_id, name)
        return _back(id_, "Renamed." if name.strip() else "It has no name any more.")

    @router.post("/templates/{template_id}/merge")
    async def merge(request: Request, template_id: str) -> Response:
        other = given(await form_of(request), "other").strip()
        into, old = await service.store.write(log_corrections.merge, template_id, other)
        return _back(into, f"{old} is part of this template now.")

    @router.post("/templates/{template_id}/split")
    async def split(request: Request, template_id: str) -> Response:
        pattern = given(await form_of(request), "pattern")
        number = await service.store.write(log_corrections.split, template_id, pattern, service.now_ns())
        return _back(template_id, f"Lines that match pattern {number} are a template of their own. {_HEEDED}")

    return router


def _back(template_id: str, said: str) -> Response:
    return back_to(f"/templates/{quote(template_id, safe='')}", said)

"""/runs/{id}: one run, what people have changed of it, and a form to change more."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from otel_insights.api.pages.rendering import back_to, form_of, page, pages
from otel_insights.api.problems import Problem
from otel_insights.run_edits import FIELDS, checked, shown, shown_edit
from otel_insights.service import Service
from otel_insights.store import runs
from otel_insights.store.engine import Database
from otel_insights.store.runs import STATUSES, Edit, Run


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = pages()

    @router.get("/runs/{event_id}")
    async def show(request: Request, event_id: str) -> Response:
        one, edits = await service.store.read(_read, event_id)
        values = {
            "run": one,
            "fields": shown(one),
            "edits": [shown_edit(edit) for edit in edits],
            "editable": list(FIELDS),
            "statuses": STATUSES,
        }
        return page(request, "run.html", values)

    @router.post("/runs/{event_id}/edit")
    async def edit(request: Request, event_id: str) -> Response:
        form = await form_of(request)
        one, _ = await service.store.read(_read, event_id)
        now = shown(one)
        given = {name: value.replace("\r\n", "\n") for name, value in form.items() if name in FIELDS}
        changed = {name: value or None for name, value in given.items() if value != _text(now[name])}
        if not changed:
            return back_to(f"/runs/{quote(event_id, safe='')}", "Nothing was changed.")
        await service.store.write(runs.edit, event_id, checked(changed), service.now_ns())
        return back_to(f"/runs/{quote(event_id, safe='')}", f"Changed: {', '.join(changed)}.")

    return router


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _read(db: Database, event_id: str) -> tuple[Run, list[Edit]]:
    found = runs.get(db, event_id)
    if found is None:
        raise Problem(404, "UNKNOWN_RUN", f"there is no run {event_id!r}")
    return found, list(runs.edits(db, event_id))

"""/static: the style and the script of the page, which are all that a browser loads besides it."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Response

from otel_insights.api.problems import Problem

_TYPES = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def routes() -> APIRouter:
    """Make the routes; the files are read once."""
    router = APIRouter(include_in_schema=False)
    folder = files("otel_insights.api.pages") / "static"
    known = {name: (folder / name).read_bytes() for name in _TYPES}

    @router.get("/static/{name}")
    async def asset(name: str) -> Response:
        if name not in known:
            raise Problem(404, "NOT_FOUND", f"there is no {name!r}")
        headers = {"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"}
        return Response(known[name], media_type=_TYPES[name], headers=headers)

    return router

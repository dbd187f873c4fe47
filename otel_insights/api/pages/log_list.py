"""/logs: the latest log records, as far as the window of the processor `logs` holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from otel_insights.api.pages.rendering import page, pages, query
from otel_insights.api.pages.trace_links import trace_links
from otel_insights.api.problems import Problem
from otel_insights.log_window import LEVELS, Asked, latest, since
from otel_insights.service import Service
from otel_insights.store import template_lists
from otel_insights.store.corrections import WrongCorrection
from otel_insights.store.engine import Database

_PAGE: Final = 100


def routes(service: Service) -> APIRouter:
    """Make the route over a running service."""
    router = pages()
    links = trace_links(service)

    @router.get("/logs")
    async def logs(
        request: Request,
        service_name: Annotated[str, Query(max_length=255, alias="service")] = "",
        level: Annotated[str, Query(max_length=16)] = "",
        since_when: Annotated[str, Query(max_length=64, alias="since")] = "",
        template: Annotated[str, Query(max_length=64)] = "",
        text: Annotated[str, Query(max_length=300)] = "",
        cursor: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        asked = {
            "service": service_name,
            "level": level,
            "since": since_when.strip(),
            "template": template.strip(),
            "text": text,
        }
        try:
            found = await service.store.read(_read, asked, service.now_ns(), cursor)
        except WrongCorrection as error:
            raise Problem(422, "INVALID_REQUEST", str(error)) from error
        return page(request, "logs.html", {**found, "asked": asked, "cursor": cursor, "trace_link": links})

    return router


def _read(db: Database, asked: Mapping[str, str], now_ns: int, cursor: str) -> dict[str, Any]:
    since_ns = since(asked["since"], now_ns)
    wanted = Asked(asked["service"], asked["level"], since_ns, asked["template"], asked["text"])
    found, following = latest(db, wanted, _PAGE, cursor)
    return {
        "rows": found,
        "next": query("/logs", **asked, cursor=following) if following else "",
        "levels": LEVELS,
        "services": template_lists.choices(db)["services"],
    }

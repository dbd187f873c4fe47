"""/environments: who runs where with what, to choose two and compare them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response

from otel_insights.api.pages.rendering import page, pages, query
from otel_insights.api.problems import Problem
from otel_insights.service import Service
from otel_insights.store import environment_lists, environments
from otel_insights.store.engine import Database

_PAGE: Final = 50
_MOST_SERVICES: Final = 1000
_CURSOR: Final = re.compile(r"([0-8]?[0-9]{1,18})~([0-9]{1,18})")


def routes(service: Service) -> APIRouter:
    """Make the route over a running service."""
    router = pages()

    @router.get("/environments")
    async def environments(
        request: Request,
        q: Annotated[str, Query(max_length=300)] = "",
        namespace: Annotated[str, Query(max_length=255)] = "",
        service_name: Annotated[str, Query(max_length=255, alias="service")] = "",
        failing: Literal["", "yes", "no"] = "",
        cursor: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        asked = {"q": q, "namespace": namespace, "service": service_name, "failing": failing}
        found = await service.store.read(_read, asked, _place(cursor))
        return page(request, "environments.html", {**found, "asked": asked, "cursor": cursor})

    return router


def _place(cursor: str) -> tuple[int, int] | None:
    if not cursor:
        return None
    found = _CURSOR.fullmatch(cursor)
    if not found:
        raise Problem(422, "INVALID_REQUEST", "query.cursor: expected that of a link to a next page")
    return int(found[1]), int(found[2])


def _read(db: Database, asked: dict[str, str], after: tuple[int, int] | None) -> dict[str, Any]:
    found = environment_lists.listed(
        db,
        text=asked["q"].strip(),
        namespace=asked["namespace"] or None,
        service=asked["service"],
        failing={"yes": True, "no": False}.get(asked["failing"]),
        after=after,
        limit=_PAGE + 1,
    )
    known = environments.services(db, limit=_MOST_SERVICES)
    shown = found[:_PAGE]
    following = "~".join(map(str, shown[-1].place)) if len(found) > _PAGE else ""
    return {
        "rows": shown,
        "next": query("/environments", **asked, cursor=following) if following else "",
        "namespaces": sorted({one.namespace for one in known if one.namespace}),
        "services": sorted({one.name for one in known if one.name}),
    }

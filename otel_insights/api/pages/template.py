"""/templates/{id}: one kind of log line: how often, since when, its first lines, and what rose with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from otel_insights.api.pages.drawing import Trend, trend
from otel_insights.api.pages.rendering import back_to, page, pages
from otel_insights.api.pages.trace_links import trace_links
from otel_insights.api.problems import Problem
from otel_insights.log_portrait import portrait
from otel_insights.service import Service
from otel_insights.store import log_views, template_lists
from otel_insights.store.engine import Database
from otel_insights.store.log_views import LogTemplate
from otel_insights.store.templates import fold

_BAR_HOURS: Final = 2
_BARS: Final = 84


@dataclass(frozen=True, slots=True)
class Portrayed:
    """All that is shown of a template."""

    template: LogTemplate
    told: Mapping[str, Any]
    """What `log_portrait.portrait` tells."""
    trend: Trend
    severities: Sequence[tuple[str, float]]
    """With their counts, the most severe first."""
    neighbours: Sequence[tuple[str, str]]
    """Ids and names of what it could be merged with."""


def routes(service: Service) -> APIRouter:
    """Make the route over a running service."""
    router = pages()
    links = trace_links(service)

    @router.get("/templates/{template_id}")
    async def template(request: Request, template_id: str) -> Response:
        await service.store.write(fold)
        found = await service.store.read(_read, template_id, service.now_ns())
        if found is None:
            raise Problem(404, "UNKNOWN_TEMPLATE", f"there is no log template {template_id!r}")
        id_ = found.template.id
        if id_ != template_id:
            return back_to(f"/templates/{quote(id_, safe='')}", f"{template_id} is part of this template now.")
        return page(request, "template.html", {"all": found, "trace_link": links})

    return router


def _read(db: Database, template_id: str, now_ns: int) -> Portrayed | None:
    found = log_views.get(db, template_id)
    if found is None:
        return None
    hours = log_views.hours(db, [found.id])[found.id]
    return Portrayed(
        found,
        portrait(db, found),
        trend(hours, now_ns, each=_BAR_HOURS, number=_BARS),
        sorted(found.counts.items(), key=lambda pair: (-log_views.rank(pair[0]), pair[0])),
        template_lists.neighbours(db, found),
    )

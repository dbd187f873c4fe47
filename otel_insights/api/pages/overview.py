"""/ as a browser asks for it: what is new, what got worse, and what is explained."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlite_utils import Database
from starlette.routing import Match

from otel_insights.api.pages.cluster_list import Row, rows
from otel_insights.api.pages.rendering import PageRoute, page, wants_page
from otel_insights.service import Service
from otel_insights.store import clusters, environments, suggestions
from otel_insights.store.cluster_lists import OPEN, Wanted, by_state, listed
from otel_insights.store.environments import Census
from otel_insights.store.suggestions import StoredSuggestion

_MOST = 8


class _ForBrowsers(PageRoute):
    """A route that others than browsers do not see: to them `/` is the heartbeat."""

    def matches(self, scope: MutableMapping[str, Any]) -> tuple[Match, MutableMapping[str, Any]]:
        """Match as any route does, for who asks for a page."""
        asked = scope["type"] == "http" and wants_page(Request(scope))
        return super().matches(scope) if asked else (Match.NONE, {})


@dataclass(frozen=True, slots=True)
class Overview:
    """What the overview shows."""

    states: dict[str, int]
    tiers: dict[str, int]
    census: Census
    worse: list[Row]
    new: list[Row]
    explained: list[tuple[StoredSuggestion, str]]
    """Established suggestions, each with the title of its cluster."""

    @property
    def open(self) -> int:
        """Count the clusters that nobody has settled."""
        return sum(self.states[state] for state in OPEN)


def routes(service: Service) -> APIRouter:
    """Make the route over a running service."""
    router = APIRouter(include_in_schema=False, route_class=_ForBrowsers)

    @router.get("/")
    async def overview(request: Request) -> Response:
        return page(request, "overview.html", {"all": await service.store.read(_read, service.now_ns())})

    return router


def _read(db: Database, now_ns: int) -> Overview:
    worse = listed(db, Wanted(("escalating", "regressed")), limit=_MOST)
    new = listed(db, Wanted(("new",), order="first"), limit=_MOST)
    explained = suggestions.latest_established(db, _MOST)
    return Overview(
        by_state(db),
        suggestions.by_tier(db),
        environments.census(db),
        rows(db, worse, now_ns),
        rows(db, new, now_ns),
        [(one, clusters.heading(db, one.cluster_id)[1]) for one in explained],
    )

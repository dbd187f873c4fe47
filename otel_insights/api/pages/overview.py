"""/ as a browser asks for it: incidents, what got worse, what is new, and what is explained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from otel_insights import incident_portrait
from otel_insights.api.pages.cluster_list import Row, rows
from otel_insights.api.pages.rendering import page, pages
from otel_insights.service import Service
from otel_insights.store import clusters, environments, suggestions
from otel_insights.store.cluster_lists import OPEN, Wanted, by_state, listed
from otel_insights.store.engine import Database
from otel_insights.store.environments import Census
from otel_insights.store.suggestions import StoredSuggestion

_MOST, _MOST_INCIDENTS = 8, 3
_LATELY_NS: Final = 24 * 3600 * 10**9
"""How long an incident that is over stands on the overview."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What the overview shows."""

    states: dict[str, int]
    tiers: dict[str, int]
    census: Census
    incidents: list[dict[str, Any]]
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
    router = pages(beside_json=True)

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
        incident_portrait.latest(db, limit=_MOST_INCIDENTS, since_ns=now_ns - _LATELY_NS),
        rows(db, worse, now_ns),
        rows(db, new, now_ns),
        [(one, clusters.heading(db, one.cluster_id)[1]) for one in explained],
    )

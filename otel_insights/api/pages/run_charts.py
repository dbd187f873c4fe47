"""/runs/analytics: five pictures of how runs went, each with a table that says the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from otel_insights.api.pages.formats import lasting
from otel_insights.api.pages.rendering import page, pages, query
from otel_insights.api.pages.run_filter import asked, of_api, wanted
from otel_insights.api.pages.treemap import Tile, treemap
from otel_insights.run_analytics import MOST_RUNS, RESULTS, Duration, Group, Period, analytics
from otel_insights.service import Service
from otel_insights.store.run_outcomes import outcomes
from otel_insights.store.runs import STATUSES

_WIDTH: Final = 720
_HEIGHT: Final = 160
_MAP_HEIGHT: Final = 260
_BAR: Final = 220
_GOOD, _BAD = 0.9, 0.5
"""Shares of success from which on, and below which, a tile says so."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar, of one kind."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Labelled:
    """A tile of the map of kinds of job."""

    tile: Tile
    group: Group
    kind: str
    """`well`, `fairly`, `badly`, or `unknown`."""
    label: str
    """As much of its name as fits; empty where none does."""


def routes(service: Service) -> APIRouter:
    """Make the route over a running service."""
    router = pages()

    @router.get("/runs/analytics")
    async def show(request: Request, filters: Annotated[dict[str, str], Depends(asked)]) -> Response:
        which = wanted(filters)
        found = await service.store.read(lambda db: analytics(outcomes(db, which, MOST_RUNS)))
        values = {
            "found": found,
            "asked": filters,
            "statuses": STATUSES,
            "list": query("/runs", **filters),
            "as_json": query("/api/v1/runs/analytics", **of_api(filters)),
            "each": lasting(found.each_ns / 1e9),
            "timeline": stacked_over_time(found.timeline),
            "items": {one.name: stacked_items(one, found.by_agent) for one in found.by_agent},
            "durations": found.durations,
            "tiles": tiles(found.by_job_type),
            "bounds": bounds,
            "results": RESULTS,
            "size": (_WIDTH, _HEIGHT, _MAP_HEIGHT, _BAR),
        }
        return page(request, "run_analytics.html", values)

    return router


def stacked_over_time(periods: Sequence[Period]) -> list[Part]:
    """Stand periods beside each other, what succeeded at the bottom."""
    most = max((one.runs for one in periods), default=0)
    step = _WIDTH / max(1, len(periods))
    parts = []
    for place, one in enumerate(periods):
        low = float(_HEIGHT)
        for kind, many in (("healthy", one.succeeded), ("failing", one.failed), ("track", one.running)):
            if many:
                tall = _HEIGHT * many / most
                low -= tall
                parts.append(Part(kind, round(place * step, 2), round(low, 2), round(step * 0.85, 2), round(tall, 2)))
    return parts


def stacked_items(group: Group, all_: Sequence[Group]) -> list[Part]:
    """Lay what became of an agent's items behind each other, in proportion to the agent that has most."""
    most = max(sum(one.items.values()) for one in all_)
    parts, x = [], 0.0
    for kind, result in zip(("healthy", "failing", "track"), RESULTS, strict=True):
        if many := group.items[result]:
            long = _BAR * many / most
            parts.append(Part(kind, round(x, 2), 0, round(max(long, 1.0), 2), 12))
            x += long
    return parts


def tiles(groups: Sequence[Group]) -> list[Labelled]:
    """Draw kinds of job: as large as they are frequent."""
    ordered = sorted(groups, key=lambda one: -one.runs)
    placed = treemap([one.runs for one in ordered], _WIDTH, _MAP_HEIGHT)
    return [Labelled(tile, one, _kind(one), _label(one, tile)) for one, tile in zip(ordered, placed, strict=True)]


def _kind(group: Group) -> str:
    if group.share is None:
        return "unknown"
    return "well" if group.share >= _GOOD else "badly" if group.share < _BAD else "fairly"


def _label(group: Group, tile: Tile) -> str:
    letters = int((tile.width - 12) / 8)
    if letters < 3 or tile.height < 20:  # noqa: PLR2004 - less says nothing
        return ""
    name = group.name or "(no name)"
    return name if len(name) <= letters else f"{name[: letters - 1]}…"


def bounds(one: Duration) -> str:
    """Write how long runs of a bar took.

    >>> bounds(Duration(500, 1000, 3)), bounds(Duration(10_000, None, 1))
    ('0.5 to 1 s', '10 s or more')
    """
    low, high = (None if edge is None else f"{edge / 1000:,g}" for edge in (one.from_ms, one.to_ms))
    return f"{low} to {high} s" if high else f"{low} s or more"

"""/clusters/{id}: one group of exceptions: what explains it, why it is one, since when, and where to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from otel_insights.analysis.spikes import HOUR_NS
from otel_insights.api.pages.drawing import Trend, span, trend
from otel_insights.api.pages.rendering import back_to, page, pages
from otel_insights.api.pages.summary_forms import model_of
from otel_insights.api.pages.trace_links import trace_links
from otel_insights.api.problems import Problem
from otel_insights.api.summaries import summary_of
from otel_insights.explained import Shown, show
from otel_insights.portrait import portrait
from otel_insights.service import Service
from otel_insights.store import cluster_lists, clusters, sightings
from otel_insights.store.cluster_lists import Member
from otel_insights.store.clusters import Example
from otel_insights.store.engine import Database
from otel_insights.store.sightings import Version
from otel_insights.summary_requests import Subject

_BAR_HOURS, _BARS = 2, 84
LINE: Final = 160
"""How long the line is on which versions are drawn."""


@dataclass(frozen=True, slots=True)
class Portrayed:
    """All that is shown of a cluster."""

    shown: Shown
    life: Mapping[str, Any]
    """What `portrait` tells."""
    trend: Trend
    members: Sequence[Member]
    examples: Mapping[str, Example]
    """By fingerprint."""
    versions: Sequence[tuple[Version, tuple[float, float]]]
    """Each with its place on a line: where it begins, and how long it is."""
    neighbours: Sequence[tuple[str, str]]
    """Ids and titles of what it could be merged with."""


def routes(service: Service) -> APIRouter:
    """Make the route over a running service."""
    router = pages()
    links = trace_links(service)

    @router.get("/clusters/{cluster_id}")
    async def cluster(request: Request, cluster_id: str) -> Response:
        found = await service.store.read(_read, cluster_id, service.now_ns())
        if found is None:
            raise Problem(404, "UNKNOWN_CLUSTER", f"there is no cluster {cluster_id!r}")
        id_ = found.shown.cluster.id
        if id_ != cluster_id:
            return back_to(f"/clusters/{quote(id_, safe='')}", f"{cluster_id} is part of this cluster now.")
        summary = await summary_of(service, Subject("cluster", id_))
        values = {"all": found, "trace_link": links, "line": LINE, "summary": summary, "model": model_of(service)}
        return page(request, "cluster.html", values)

    return router


def _read(db: Database, cluster_id: str, now_ns: int) -> Portrayed | None:
    shown = show(db, cluster_id)
    if shown is None:
        return None
    id_ = shown.cluster.id
    hours = cluster_lists.hours(db, [id_], now_ns // HOUR_NS - _BAR_HOURS * (_BARS + 1))
    found = clusters.examples(db, id_, limit=20)
    return Portrayed(
        shown,
        portrait(db, id_),
        trend(hours.get(id_, {}), now_ns, each=_BAR_HOURS, number=_BARS),
        cluster_lists.members(db, id_),
        {one.fingerprint: one for one in found},
        _placed(sightings.versions(db, id_)),
        cluster_lists.neighbours(db, id_),
    )


def _placed(versions: Sequence[Version]) -> list[tuple[Version, tuple[float, float]]]:
    if not versions:
        return []
    begin, end = min(one.first_seen_ns for one in versions), max(one.last_seen_ns for one in versions)
    return [(one, span(one.first_seen_ns, one.last_seen_ns, begin, end, LINE)) for one in versions]

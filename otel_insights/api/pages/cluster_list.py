"""/clusters: groups of exceptions, to be filtered, ordered and paged through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from otel_insights.analysis.spikes import HOUR_NS
from otel_insights.api.pages import cursors
from otel_insights.api.pages.drawing import Trend, trend
from otel_insights.api.pages.rendering import page, pages, query
from otel_insights.api.problems import Problem
from otel_insights.service import Service
from otel_insights.store import cluster_lists
from otel_insights.store.cluster_lists import OPEN, ORDERS, STATES, Listed, Wanted
from otel_insights.store.engine import Database

_PAGE: Final = 25
_BAR_HOURS, _BARS = 6, 28
_CHOICES: Final = {"open": OPEN, "any": STATES, **{state: (state,) for state in STATES}}
_ORDER_NAMES: Final = {
    "last": "seen last",
    "first": "newest",
    "count": "occurrences",
    "environments": "environments",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A cluster in a list, with how often it was seen lately."""

    cluster: Listed
    trend: Trend


def rows(db: Database, found: Sequence[Listed], now_ns: int) -> list[Row]:
    """Add trends to clusters."""
    since = now_ns // HOUR_NS - _BAR_HOURS * (_BARS + 1)
    hours = cluster_lists.hours(db, [one.id for one in found], since)
    return [Row(one, trend(hours.get(one.id, {}), now_ns, each=_BAR_HOURS, number=_BARS)) for one in found]


def routes(service: Service) -> APIRouter:
    """Make the route over a running service."""
    router = pages()

    @router.get("/clusters")
    async def clusters(
        request: Request,
        q: Annotated[str, Query(max_length=300)] = "",
        state: Annotated[str, Query(max_length=20)] = "open",
        namespace: Annotated[str, Query(max_length=255)] = "",
        service_name: Annotated[str, Query(max_length=255, alias="service")] = "",
        order: Annotated[str, Query(max_length=20)] = "last",
        cursor: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        wanted = _wanted(q, state, namespace, service_name, order)
        found = await service.store.read(_read, wanted, cursors.place(cursor), service.now_ns())
        asked = {"q": q, "state": state, "namespace": namespace, "service": service_name, "order": order}
        return page(request, "clusters.html", {**found, "asked": asked, "next": _next(found, asked), "cursor": cursor})

    return router


def _wanted(text: str, state: str, namespace: str, service: str, order: str) -> Wanted:
    if state not in _CHOICES:
        raise Problem(422, "INVALID_REQUEST", f"query.state: expected one of {', '.join(_CHOICES)}")
    if order not in ORDERS:
        raise Problem(422, "INVALID_REQUEST", f"query.order: expected one of {', '.join(ORDERS)}")
    return Wanted(_CHOICES[state], namespace or None, service, " ".join(text.split()), order)


def _next(found: Mapping[str, Any], asked: Mapping[str, str]) -> str:
    """Link to the page behind this one; "" on the last one."""
    if not found["more"]:
        return ""
    value, id_ = found["rows"][-1].cluster.place(asked["order"])
    return query("/clusters", **asked, cursor=cursors.written(value, id_))


def _read(db: Database, wanted: Wanted, after: tuple[float, str] | None, now_ns: int) -> dict[str, Any]:
    found = cluster_lists.listed(db, wanted, after, _PAGE + 1)
    namespaces, services = cluster_lists.where_things_failed(db)
    return {
        "rows": rows(db, found[:_PAGE], now_ns),
        "more": len(found) > _PAGE,
        "states": cluster_lists.by_state(db),
        "choices": list(_CHOICES),
        "orders": _ORDER_NAMES,
        "namespaces": [one for one in namespaces if one],
        "services": [one for one in services if one],
    }

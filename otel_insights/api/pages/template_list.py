"""/templates: what log lines have in common, to be filtered, ordered and paged through, and people's own patterns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from otel_insights.api.pages import cursors
from otel_insights.api.pages.drawing import Trend, trend
from otel_insights.api.pages.rendering import page, pages, query
from otel_insights.api.problems import Problem
from otel_insights.log_portrait import rows
from otel_insights.service import Service
from otel_insights.store import log_corrections, log_views, template_lists
from otel_insights.store.engine import Database
from otel_insights.store.log_views import LogTemplate, Wanted
from otel_insights.store.template_lists import ORDERS, STATES
from otel_insights.store.templates import fold

_PAGE: Final = 25
_BAR_HOURS, _BARS = 6, 28
_ORDER_NAMES: Final = {"last": "logged last", "first": "newest", "count": "records"}


@dataclass(frozen=True, slots=True)
class Row:
    """A template in a list, with how often it was logged lately."""

    template: LogTemplate
    told: Mapping[str, Any]
    """What `log_portrait.rows` tells."""
    trend: Trend


def routes(service: Service) -> APIRouter:
    """Make the route over a running service."""
    router = pages()

    @router.get("/templates")
    async def templates(
        request: Request,
        q: Annotated[str, Query(max_length=300)] = "",
        state: Annotated[str, Query(max_length=20)] = "",
        namespace: Annotated[str, Query(max_length=255)] = "",
        service_name: Annotated[str, Query(max_length=255, alias="service")] = "",
        severity: Annotated[str, Query(max_length=64)] = "",
        order: Annotated[str, Query(max_length=20)] = "last",
        cursor: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        _expect_known(state, order)
        text = " ".join(q.split())
        asked = {"q": text, "state": state, "namespace": namespace, "service": service_name, "severity": severity}
        wanted = Wanted(namespace or None, service_name or None, severity, text)
        await service.store.write(fold)
        after = cursors.place(cursor)
        found = await service.store.read(_read, wanted, order, state, after, service.now_ns())
        asked["order"] = order
        return page(request, "templates.html", {**found, "asked": asked, "next": _next(found, asked), "cursor": cursor})

    return router


def _expect_known(state: str, order: str) -> None:
    if state not in ("", *STATES):
        raise Problem(422, "INVALID_REQUEST", f"query.state: expected one of {', '.join(STATES)}, or nothing")
    if order not in ORDERS:
        raise Problem(422, "INVALID_REQUEST", f"query.order: expected one of {', '.join(ORDERS)}")


def _next(found: Mapping[str, Any], asked: Mapping[str, str]) -> str:
    """Link to the page behind this one; "" on the last one."""
    if not found["more"]:
        return ""
    last = template_lists.place(found["rows"][-1].template, asked["order"])
    return query("/templates", **asked, cursor=cursors.written(*last))


def _read(
    db: Database, wanted: Wanted, order: str, state: str, after: tuple[float, str] | None, now_ns: int
) -> dict[str, Any]:
    found = template_lists.listed(db, wanted, order, state, after, _PAGE + 1)
    return {
        "rows": _rows(db, found[:_PAGE], now_ns),
        "more": len(found) > _PAGE,
        "states": STATES,
        "orders": _ORDER_NAMES,
        "patterns": log_corrections.patterns(db),
        **template_lists.choices(db),
    }


def _rows(db: Database, found: Sequence[LogTemplate], now_ns: int) -> list[Row]:
    hours = log_views.hours(db, [one.id for one in found])
    return [
        Row(one, told, trend(hours[one.id], now_ns, each=_BAR_HOURS, number=_BARS))
        for one, told in zip(found, rows(db, found), strict=True)
    ]

"""/anomalies/{id}: what a series did, drawn with the band of what was expected, and whether people agree."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from otel_insights import metric_window
from otel_insights.anomaly_listing import judge, row
from otel_insights.anomaly_series import LEAD_NS, MOST_BYTES, Moment, replay
from otel_insights.api.pages.drawing import chart
from otel_insights.api.pages.rendering import back_to, form_of, given, page, pages
from otel_insights.api.problems import Problem
from otel_insights.companions import templates_with_anomaly
from otel_insights.service import Service
from otel_insights.store import anomalies as memory
from otel_insights.store.anomalies import Anomaly, UnknownAnomaly
from otel_insights.store.templates import fold

_WIDTH, _HEIGHT = 900, 260
_AROUND_NS: Final = 45 * 60 * 10**9
"""How much is drawn before and after, at least."""
_LATE_NS: Final = 3600 * 10**9
"""How long after their time points may arrive."""
_MOST: Final = 600
"""Points drawn."""


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = pages()

    @router.get("/anomalies/{anomaly_id}")
    async def anomaly(request: Request, anomaly_id: str) -> Response:
        one = await _get(service, anomaly_id)
        until = one.recorded_ns + (_ended(one, service) - one.opened_ns) + _AROUND_NS + _LATE_NS
        kind, points = await service.store.read(
            metric_window.of_series, one.series, one.recorded_ns - LEAD_NS, until, MOST_BYTES
        )
        moments = _around(await asyncio.to_thread(replay, kind, points), one, service)
        drawn = chart(moments, (one.opened_ns, _ended(one, service)), _WIDTH, _HEIGHT)
        await service.store.write(fold)
        rose = await service.store.read(templates_with_anomaly, one)
        return page(request, "anomaly.html", {"one": row(one), "chart": drawn, "moments": moments, "rose": rose})

    @router.post("/anomalies/{anomaly_id}/feedback")
    async def feedback(request: Request, anomaly_id: str) -> Response:
        verdict = given(await form_of(request), "verdict")
        if verdict not in ("anomaly", "not_anomaly"):
            raise Problem(422, "INVALID_REQUEST", "verdict: expected anomaly or not_anomaly")
        said = await service.store.write(judge, anomaly_id, "anomaly" if verdict == "anomaly" else "not_anomaly")
        return back_to(f"/anomalies/{quote(anomaly_id, safe='')}", said)

    return router


async def _get(service: Service, anomaly_id: str) -> Anomaly:
    try:
        return await service.store.read(memory.get, anomaly_id)
    except UnknownAnomaly as error:
        raise Problem(404, "UNKNOWN_ANOMALY", str(error)) from error


def _ended(one: Anomaly, service: Service) -> int:
    return service.now_ns() if one.closed_ns is None else one.closed_ns


def _around(moments: Sequence[Moment], one: Anomaly, service: Service) -> list[Moment]:
    """Take what lies about an anomaly: as long before and after as it lasts."""
    ended = _ended(one, service)
    around = max(_AROUND_NS, ended - one.opened_ns)
    return [each for each in moments if one.opened_ns - around <= each.time_ns <= ended + around][:_MOST]

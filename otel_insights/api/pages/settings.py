"""/settings: what runs with which configuration, how it fares, and what became of alerts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, Response

from otel_insights.api.pages.rendering import back_to, form_of, page, pages
from otel_insights.api.problems import Problem
from otel_insights.selfmetrics import SelfMetrics
from otel_insights.service import Service
from otel_insights.store import clusters, deliveries, environments
from otel_insights.store.health import used_percent

_MOST_ALERTS: Final = 50
_TROUBLE: Final = ("refused", "failed", "failures", "uninspected", "evicted", "late")
"""Words in the names of counters that should stand at zero."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A counter of ours."""

    name: str
    labels: str
    value: float

    @property
    def is_trouble(self) -> bool:
        """Tell whether it should be zero and is not."""
        return self.value > 0 and any(word in self.name.split("_") for word in _TROUBLE)


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = pages()
    began = time.monotonic()

    @router.get("/settings")
    async def settings(request: Request) -> Response:
        values = {
            "uptime": time.monotonic() - began,
            "instance_id": service.instance_id,
            "used": used_percent(service.config.store.url),
            "store": service.config.store_shown(),
            "census": await service.store.read(environments.census),
            "alerts": await service.store.read(deliveries.listed, most=_MOST_ALERTS),
            "counted": counted(service.metrics),
            "pipelines": service.config.pipelines,
            "warnings": service.config.warnings,
            "configuration": service.config.as_yaml(),
        }
        return page(request, "settings.html", values)

    @router.post("/settings/analysis")
    async def analyse() -> Response:
        if not await service.analyse():
            raise Problem(500, "ANALYSIS_FAILED", "the analysis failed, wholly or in part: our log says why")
        found = len(await service.store.read(clusters.sizes))
        return back_to("/settings", f"All that had arrived is analysed; clusters: {found}.")

    @router.post("/settings/alerts")
    async def send_again(request: Request) -> Response:
        id_ = (await form_of(request)).get("id", "")
        if id_ and not (id_.isdecimal() and len(id_) < len(str(2**63))):
            raise Problem(422, "INVALID_REQUEST", "id: expected the number of an alert, or none for all that failed")
        ids = [int(id_)] if id_ else []
        many = await service.store.write(deliveries.send_again, ids, service.now_ns())
        return back_to("/settings", f"{many} alert{'' if many == 1 else 's'} to be sent again.")

    return router


def counted(metrics: SelfMetrics) -> Sequence[Counted]:
    """Read our counters that have moved, those that should be zero first."""
    found = [
        Counted(
            sample.name.removesuffix("_total"),
            ", ".join(f"{key} {value}" for key, value in sorted(sample.labels.items())),
            sample.value,
        )
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name.endswith("_total") and sample.value > 0
    ]
    return sorted(found, key=lambda one: (not one.is_trouble, one.name, one.labels))

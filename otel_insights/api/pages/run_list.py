"""/runs: the runs of jobs and agents, to be filtered, paged through, exported, and chosen to be changed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from otel_insights import exports
from otel_insights.api.pages.rendering import page, pages, query
from otel_insights.api.pages.run_filter import asked, of_api, wanted
from otel_insights.run_edits import FIELDS
from otel_insights.service import Service
from otel_insights.store import runs
from otel_insights.store.runs import STATUSES


def routes(service: Service) -> APIRouter:
    """Make the route over a running service."""
    router = pages()

    @router.get("/runs")
    async def list_runs(
        request: Request,
        filters: Annotated[dict[str, str], Depends(asked)],
        rows: Annotated[int, Query(ge=10, le=500)] = 50,
        cursor: Annotated[str, Query(max_length=20)] = "",
    ) -> Response:
        found = await service.store.read(runs.listed, wanted(filters, cursor), rows + 1)
        behind = str(found[rows - 1].id) if len(found) > rows else ""
        return page(
            request,
            "runs.html",
            {
                "runs": found[:rows],
                "asked": filters,
                "shown": rows,
                "cursor": cursor,
                "next": query("/runs", **filters, rows=str(rows), cursor=behind) if behind else "",
                "statuses": STATUSES,
                "editable": list(FIELDS),
                "analytics": query("/runs/analytics", **filters),
                "exports": {
                    one: query("/api/v1/runs/export", format=one, **of_api(filters)) for one in exports.FORMATS
                },
            },
        )

    return router

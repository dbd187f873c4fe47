"""/runs: the runs of jobs and agents, to be filtered, paged through and exported, and how they went."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from sqlite_utils import Database

from otel_insights import exports
from otel_insights.api.pages.rendering import page, pages, query
from otel_insights.api.problems import Problem
from otel_insights.run_edits import shown, time_ns
from otel_insights.service import Service
from otel_insights.store import runs
from otel_insights.store.runs import STATUSES, Wanted

_SUMMED: Final = 1000
"""Runs whose outcomes are summed up: the latest that meet the filter."""
_CURSOR: Final = re.compile(r"[1-9][0-9]{0,17}")
_Text = Annotated[str, Query(max_length=256)]


def routes(service: Service) -> APIRouter:
    """Make the route over a running service."""
    router = pages()

    @router.get("/runs")
    async def list_runs(
        request: Request,
        agent: _Text = "",
        status: _Text = "",
        job_type: _Text = "",
        exclude_job_type: _Text = "",
        after: Annotated[str, Query(max_length=64)] = "",
        before: Annotated[str, Query(max_length=64)] = "",
        rows: Annotated[int, Query(ge=10, le=500)] = 50,
        cursor: Annotated[str, Query(max_length=20)] = "",
    ) -> Response:
        asked = {
            "agent": agent,
            "status": status,
            "job_type": job_type,
            "exclude_job_type": exclude_job_type,
            "after": after,
            "before": before,
        }
        found = await service.store.read(_read, _wanted(asked, cursor), rows)
        following = query("/runs", **asked, rows=str(rows), cursor=found["next"]) if found["next"] else ""
        return page(
            request,
            "runs.html",
            {
                **found,
                "asked": asked,
                "shown": rows,
                "cursor": cursor,
                "next": following,
                "statuses": STATUSES,
                "exports": {one: query("/api/v1/runs/export", format=one, **_of_api(asked)) for one in exports.FORMATS},
            },
        )

    return router


def _of_api(asked: dict[str, str]) -> dict[str, str]:
    """Give the filters as the API calls them; those that are empty are left out."""
    names = {"agent": "agent_name", "after": "created_after", "before": "created_before"}
    return {names.get(name, name): value for name, value in asked.items() if value}


def _wanted(asked: dict[str, str], cursor: str) -> Wanted:
    if cursor and not _CURSOR.fullmatch(cursor):
        raise Problem(422, "INVALID_REQUEST", "query.cursor: expected that of a link to a next page")
    if asked["status"] and asked["status"] not in STATUSES:
        raise Problem(422, "INVALID_REQUEST", f"query.status: expected one of {', '.join(STATUSES)}")
    return Wanted(
        agent_name=asked["agent"],
        job_type=asked["job_type"],
        not_job_type=asked["exclude_job_type"],
        status=asked["status"],
        created_after_ns=_time("after", asked["after"]),
        created_before_ns=_time("before", asked["before"]),
        before_id=int(cursor or 0),
    )


def _time(name: str, text: str) -> int:
    try:
        return time_ns(text) if text else 0
    except ValueError as error:
        raise Problem(422, "INVALID_REQUEST", f"query.{name}: {error}") from error


def _read(db: Database, wanted: Wanted, rows: int) -> dict[str, Any]:
    found = runs.page(db, wanted, max(rows + 1, _SUMMED))
    sums = exports.sheets_of_runs([shown(one) for one in found[:_SUMMED]])
    return {
        "runs": found[:rows],
        "next": str(found[rows - 1].id) if len(found) > rows else "",
        "by_agent": sums["By agent"],
        "by_job_type": sums["By job type"],
        "summed": min(len(found), _SUMMED),
    }

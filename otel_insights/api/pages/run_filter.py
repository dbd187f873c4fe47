"""Which runs a page is of: what its address says, or its form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Query

from otel_insights.api.problems import Problem
from otel_insights.run_edits import time_ns
from otel_insights.store.runs import STATUSES, Wanted

NAMES: Final = ("agent", "status", "job_type", "exclude_job_type", "after", "before")
_OF_API: Final = {"agent": "agent_name", "after": "created_after", "before": "created_before"}
_CURSOR: Final = re.compile(r"[1-9][0-9]{0,17}")
_LONGEST: Final = 256
Text = Annotated[str, Query(max_length=_LONGEST)]


async def asked(
    agent: Text = "",
    status: Text = "",
    job_type: Text = "",
    exclude_job_type: Text = "",
    after: Annotated[str, Query(max_length=64)] = "",
    before: Annotated[str, Query(max_length=64)] = "",
) -> dict[str, str]:
    """Take the filters of an address, by `NAMES`; for FastAPI to call."""
    return dict(zip(NAMES, (agent, status, job_type, exclude_job_type, after, before), strict=True))


def of_form(form: Mapping[str, str]) -> dict[str, str]:
    """Take the filters of a form."""
    return {name: form.get(name, "")[:_LONGEST] for name in NAMES}


def of_api(filters: Mapping[str, str]) -> dict[str, str]:
    """Give the filters as the API calls them; those that are empty are left out."""
    return {_OF_API.get(name, name): value for name, value in filters.items() if value}


def wanted(filters: Mapping[str, str], cursor: str = "") -> Wanted:
    """Read the filters. Raises Problem for what they cannot be."""
    if cursor and not _CURSOR.fullmatch(cursor):
        raise Problem(422, "INVALID_REQUEST", "query.cursor: expected that of a link to a next page")
    if filters["status"] and filters["status"] not in STATUSES:
        raise Problem(422, "INVALID_REQUEST", f"query.status: expected one of {', '.join(STATUSES)}")
    return Wanted(
        agent_name=filters["agent"],
        job_type=filters["job_type"],
        not_job_type=filters["exclude_job_type"],
        status=filters["status"],
        created_after_ns=_time("after", filters["after"]),
        created_before_ns=_time("before", filters["before"]),
        before_id=int(cursor or 0),
    )


def _time(name: str, text: str) -> int:
    try:
        return time_ns(text) if text else 0
    except ValueError as error:
        raise Problem(422, "INVALID_REQUEST", f"query.{name}: {error}") from error

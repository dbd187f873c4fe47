"""What became of runs, for counting: a few columns of many of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from otel_insights.store.engine import Database
from otel_insights.store.runs import Wanted, met


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one run."""

    agent_name: str
    job_type: str
    status: str
    begun_ns: int
    duration_ms: int | None
    items_succeeded: int
    items_failed: int
    items_skipped: int


_COLUMNS: Final = {
    "begun_ns": "coalesce(start_ns, created_ns)",
    "items_succeeded": "coalesce(items_succeeded, 0)",
    "items_failed": "coalesce(items_failed, 0)",
    "items_skipped": "coalesce(items_skipped, 0)",
}
_SELECT: Final = ", ".join(_COLUMNS.get(one.name, one.name) for one in fields(Outcome))


def outcomes(db: Database, wanted: Wanted, most: int) -> list[Outcome]:
    """Read what became of runs, the newest first."""
    condition, asked = met(wanted)
    rows = db.execute(
        f"SELECT {_SELECT} FROM run WHERE {condition} ORDER BY id DESC LIMIT :most",  # noqa: S608 - names of our own
        {**asked, "most": most},
    )
    return [Outcome(*row) for row in rows]

"""Counts of the runs that are kept: the store keeps them as runs come, change and go (triggers on `run`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from otel_insights.store.engine import Database

RESULTS: Final = ("discovered", "succeeded", "failed", "skipped")
"""What became of items."""
MOST: Final = 1000
_SUMS: Final = ", ".join(("runs", *RESULTS))


@dataclass(frozen=True, slots=True)
class Tally:
    """Runs of one agent, kind of job and status."""

    agent_name: str
    job_type: str
    status: str
    runs: int
    items: Mapping[str, int]
    """By what became of them: discovered, succeeded, failed, skipped."""


@dataclass(frozen=True, slots=True)
class Tallies:
    """The most frequent kinds of run, and the sum of all others."""

    most: Sequence[Tally]
    others: int
    """Runs of other kinds."""
    other_items: Mapping[str, int]


def tallies(db: Database, most: int = MOST) -> Tallies:
    """Read the counts, the most frequent first; that costs the same however many runs there are."""
    rows = db.execute(
        f"SELECT agent_name, job_type, status, {_SUMS} FROM run_tally ORDER BY runs DESC LIMIT ?",  # noqa: S608 - ours
        [most],
    )
    found = [Tally(row[0], row[1], row[2], row[3], dict(zip(RESULTS, row[4:], strict=True))) for row in rows]
    total = db.execute(f"SELECT {_SUMS} FROM run_total").fetchone() or (0,) * 5  # noqa: S608 - names of our own
    return Tallies(
        found,
        total[0] - sum(one.runs for one in found),
        {
            result: all_ - sum(one.items[result] for one in found)
            for result, all_ in zip(RESULTS, total[1:], strict=True)
        },
    )

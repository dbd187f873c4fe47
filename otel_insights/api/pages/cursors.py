"""Where a list goes on: the place of its last row, as its link to the next page holds it."""

from __future__ import annotations

import re
from typing import Final

from otel_insights.api.problems import Problem

_VALUE: Final = re.compile(r"[0-8]?[0-9]{1,18}|[0-9]{1,18}\.[0-9]{1,18}")
"""A number that SQLite has room for."""


def written(value: float, id_: str) -> str:
    """Write a place: what the list is ordered by, and the id."""
    return f"{value}~{id_}"


def place(cursor: str) -> tuple[float, str] | None:
    """Read a place; None for the beginning. Raises Problem for what is none.

    >>> place(written(12, "a")), place("")
    ((12, 'a'), None)
    """
    if not cursor:
        return None
    value, _, id_ = cursor.partition("~")
    if not _VALUE.fullmatch(value):
        raise Problem(422, "INVALID_REQUEST", "query.cursor: expected that of a link to a next page")
    return (float(value) if "." in value else int(value)), id_

"""The window of the latest log records: whole requests, bounded by bytes and by age."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlite_utils import Database

_MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Block:
    """One request. `upto` grows with every block, and names it."""

    upto: int
    data: bytes


def put(db: Database, data: bytes, now_ns: int, most: int) -> None:
    """Add a request, and let go of what lies before the last so many bytes."""
    last = db.conn.execute("SELECT max(upto) FROM log_window").fetchone()[0] or 0
    upto = last + len(data)
    db.conn.execute("INSERT INTO log_window VALUES (?, ?, ?)", [upto, now_ns, data])
    db.conn.execute("DELETE FROM log_window WHERE upto <= ?", [upto - most])


def forget_before(db: Database, arrived_ns: int) -> bool:
    """Let go of requests that arrived before a time, some at a time; tells whether there may be more."""
    cursor = db.execute(
        "DELETE FROM log_window WHERE upto IN (SELECT upto FROM log_window WHERE arrived_ns < ? ORDER BY upto LIMIT ?)",
        [arrived_ns, _MOST_AT_ONCE],
    )
    return cursor.rowcount == _MOST_AT_ONCE


def blocks(db: Database, upto: int | None, since_ns: int, holding: tuple[bytes, bytes]) -> Iterator[Block]:
    """Give requests from the one named `upto` backwards, as far as they arrived since a time and hold these bytes."""
    rows = db.execute(
        "SELECT upto, data FROM log_window WHERE (? IS NULL OR upto <= ?) AND arrived_ns >= ?"
        " AND instr(data, ?) AND instr(data, ?) ORDER BY upto DESC",
        [upto, upto, since_ns, *holding],
    )
    for row in rows:
        yield Block(*row)

"""Windows of the latest requests: whole ones, in the order of arrival, bounded by bytes and by age."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from otel_insights.store.engine import Database

_MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Block:
    """One request. `upto` grows with every block, and names it."""

    upto: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Window:
    """The latest requests of a signal, in a table of this name. `upto` counts the bytes until the end of each."""

    table: str

    def put(self, db: Database, data: bytes, now_ns: int, most: int) -> None:
        """Add a request, and let go of what lies before the last so many bytes."""
        last = db.conn.execute(f"SELECT max(upto) FROM {self.table}").fetchone()[0] or 0  # noqa: S608 - a name of ours
        upto = last + len(data)
        db.conn.execute(f"INSERT INTO {self.table} VALUES (?, ?, ?)", [upto, now_ns, data])  # noqa: S608 - as above
        db.conn.execute(f"DELETE FROM {self.table} WHERE upto <= ?", [upto - most])  # noqa: S608 - as above

    def forget_before(self, db: Database, arrived_ns: int) -> bool:
        """Let go of requests that arrived before a time, some at a time; tells whether there may be more."""
        cursor = db.execute(
            f"DELETE FROM {self.table} WHERE upto IN"  # noqa: S608 - as above
            f" (SELECT upto FROM {self.table} WHERE arrived_ns < ? ORDER BY upto LIMIT ?)",
            [arrived_ns, _MOST_AT_ONCE],
        )
        return cursor.rowcount == _MOST_AT_ONCE

    def blocks(
        self, db: Database, upto: int | None, since_ns: int, holding: tuple[bytes, bytes] = (b"", b"")
    ) -> Iterator[Block]:
        """Give requests from the one named `upto` backwards, if they arrived since a time and hold these bytes."""
        rows = db.execute(
            f"SELECT upto, data FROM {self.table} WHERE upto <= coalesce(?, upto) AND arrived_ns >= ?"  # noqa: S608 - as above
            " AND instr(data, ?) > 0 AND instr(data, ?) > 0 ORDER BY upto DESC",
            [upto, since_ns, *holding],
        )
        for row in rows:
            yield Block(*row)

    def between(self, db: Database, first_ns: int, last_ns: int, most: int) -> list[bytes]:
        """Give the requests that arrived between two times, in their order; of more than `most` bytes the last ones."""
        found: list[bytes] = []
        rows = db.execute(
            f"SELECT data FROM {self.table} WHERE arrived_ns BETWEEN ? AND ? ORDER BY upto DESC",  # noqa: S608 - as above
            [first_ns, last_ns],
        )
        for (data,) in rows:
            most -= len(data)
            if most < 0:
                break
            found.append(data)
        return found[::-1]


LOGS: Final = Window("log_window")
METRICS: Final = Window("metric_window")
"""Columns, compressed: see `metric_window`."""

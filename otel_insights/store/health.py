"""Whether a store is whole, and what is in it: seen from outside, beside a service that may be writing it."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import dataclass

import sqlite_utils

from otel_insights.store.environments import Census, census
from otel_insights.store.location import is_postgres, path_of
from otel_insights.store.reading import reading


@dataclass(frozen=True, slots=True)
class Health:
    """What a look at a store finds."""

    integrity: str
    """`ok`, or what SQLite found wrong."""
    journal_mode: str
    """`wal` in a store of ours: else readers and the writer wait for each other."""
    census: Census


def examine(url: str) -> Health:
    """Look at a store without changing it.

    Raises FileNotFoundError where there is none, OSError, sqlite3.Error or ConfigError where it is no such thing.
    """
    if is_postgres(url):
        with reading(url) as db:
            return Health("ok", "wal", census(db))
    path = path_of(url)
    if path is None:
        raise FileNotFoundError(2, "a store in memory is its service's own", url)
    if not path.exists():
        raise FileNotFoundError(2, "No such file", str(path))
    connection = sqlite3.connect(path.absolute().as_uri() + "?mode=ro", uri=True, timeout=5)
    try:
        found = connection.execute("PRAGMA integrity_check(3)").fetchall()
        (journal_mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        return Health("; ".join(row[0] for row in found), journal_mode, census(sqlite_utils.Database(connection)))
    finally:
        connection.close()


def used_percent(url: str) -> float:
    """Tell a store's size as a share of it and the free disk, in per cent; 0 of one that is no file."""
    path = None if is_postgres(url) else path_of(url)
    if path is None or not path.exists():
        return 0.0
    size = sum(part.stat().st_size for part in path.parent.glob(path.name + "*"))
    return float(round(100 * size / (size + shutil.disk_usage(path).free), 3))

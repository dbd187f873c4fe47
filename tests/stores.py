"""The store that tests run on: SQLite, or PostgreSQL when pytest is told `--store postgresql`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import sqlite_utils
from postgres_server import Server, server

from otel_insights.store import Store
from otel_insights.store.engine import Database

_RUNNING: list[Server] = []


def begin(engine: str, until: ExitStack) -> None:
    """Run what stores need until the end of all tests."""
    if engine == "postgresql":
        _RUNNING.append(until.enter_context(server()))


def are_on_postgres() -> bool:
    return bool(_RUNNING)


def changes(db: Database) -> object:
    """Give something that is another thing after rows of environments were written, were it with what they held."""
    if isinstance(db, sqlite_utils.Database):
        return db.conn.total_changes
    tables = ("environment", "configuration", "configuration_change")
    return [db.execute(f"SELECT xmin, ctid FROM {one} ORDER BY ctid").fetchall() for one in tables]


def fresh(folder: Path | None = None) -> str:
    """Give the URL of a new store: of one in memory where no folder is named and the engine has such a thing."""
    if _RUNNING:
        return _RUNNING[0].store()
    return f"sqlite:///{folder}/insights.db" if folder else "sqlite://"


def opened(folder: Path | None = None) -> Store:
    """Open a new store."""
    return Store.open(fresh(folder))

"""PostgreSQL beneath a store, for as many processes as there are: their transactions take turns.

Whoever writes holds an advisory lock until the end of the transaction, so that one at a time writes here as it does
to a file. That costs little, since each process writes for all the requests that it has in flight at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from otel_insights.store.engine import Database
from otel_insights.store.postgres_connection import PostgresDatabase, connect, prepare
from otel_insights.store.postgres_schema import migrate

WRITING: Final = 0x07E1_0001
"""The advisory lock of whoever writes. https://www.postgresql.org/docs/current/explicit-locking.html"""
_PATIENCE: Final = "20s"
"""For other processes that write."""
_READERS: Final = 4
_POOL_SECONDS: Final = 10.0


class PostgresEngine:
    """One connection that writes, which is made anew when it was lost, and a pool of others that read."""

    refusals: tuple[type[Exception], ...] = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)
    reading_threads = _READERS

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = connect(url)
        self._db = PostgresDatabase(self._connection)
        self._pool: ConnectionPool[psycopg.Connection[Any]] | None = None

    @property
    def db(self) -> Database:
        """Give the connection that writes."""
        return self._db

    def migrate(self) -> None:
        """Bring the schema up. Raises RuntimeError for one of a newer otel-insights."""
        migrate(self._connection)

    def begin(self, *, patient: bool) -> None:  # noqa: ARG002 - nothing here is done without waiting
        """Begin to write, when nobody else does."""
        if self._connection.broken or self._connection.closed:
            self._connection = connect(self._url)
            self._db = PostgresDatabase(self._connection)
        self._connection.execute(f"BEGIN; SET LOCAL lock_timeout = '{_PATIENCE}'")
        self._connection.execute(f"SELECT pg_advisory_xact_lock({WRITING})")

    def commit(self) -> None:
        """End it. If the connection is lost meanwhile nobody knows; sent again, telemetry counts once all the same."""
        self._connection.execute("COMMIT")

    def roll_back(self) -> None:
        """Forget the transaction, and the connection with it if that does not answer."""
        try:
            self._connection.execute("ROLLBACK")
        except psycopg.Error:
            self._connection.close()

    def commits_at_once(self) -> bool:
        """Say that an event loop is never to wait for a network."""
        return False

    def is_upkeep_due(self) -> bool:
        """Say that the server looks after itself."""
        return False

    def keep_up(self) -> None:
        """Do nothing."""

    @contextmanager
    def reading(self) -> Iterator[Database]:
        """Lend a connection of the pool."""
        if self._pool is None:
            self._pool = _pool(self._url)
        with self._pool.connection() as connection:
            yield PostgresDatabase(connection)

    def close_reader(self) -> None:
        """Close the pool."""
        if self._pool is not None:
            self._pool.close()

    def close(self) -> None:
        """Close the connection that writes."""
        with contextlib.suppress(psycopg.Error):
            self._connection.close()


def _pool(url: str) -> ConnectionPool[psycopg.Connection[Any]]:
    options = {"autocommit": True, "application_name": "otel-insights"}
    return ConnectionPool(
        url,
        kwargs=options,
        min_size=1,
        max_size=_READERS,
        timeout=_POOL_SECONDS,
        configure=prepare,
        check=ConnectionPool.check_connection,
        open=True,
    )

"""Connections to PostgreSQL that understand this package's statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumper

from otel_insights.store.engine import Parameters
from otel_insights.store.postgres_dialect import statement

SCHEMA: Final = "otel_insights"
"""Where everything of ours lies in a database that may hold other things."""
_ALIVE: Final[dict[str, Any]] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""A server that is gone is noticed within about ten seconds; milliseconds for the last one."""
_CONNECT_SECONDS: Final = 10


class _Number(Int8Dumper):
    """Integers are of one size, truth is 0 or 1: as in SQLite, and so that statements stay prepared."""

    def dump(self, obj: Any) -> Buffer | None:  # noqa: ANN401 - as the base class has it
        return super().dump(int(obj))


class _Text(StrDumper):
    """PostgreSQL keeps no NUL in a text."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


class _Sum(Loader):
    """Sums of integers, which PostgreSQL makes NUMERIC."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data).decode()
        return float(text) if "." in text else int(text)


def connect(url: str, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:  # noqa: ANN401 - psycopg's own
    """Connect, to transactions that are begun and ended by statements. Raises psycopg.Error."""
    connection = psycopg.connect(
        url, autocommit=True, connect_timeout=_CONNECT_SECONDS, application_name="otel-insights", **_ALIVE, **options
    )
    prepare(connection)
    return connection


def prepare(connection: psycopg.Connection[Any]) -> None:
    """Let a new connection understand our statements and types."""
    connection.adapters.register_dumper(int, _Number)
    connection.adapters.register_dumper(bool, _Number)
    connection.adapters.register_dumper(str, _Text)
    connection.adapters.register_loader("numeric", _Sum)
    connection.execute(f"SET search_path = {SCHEMA}, pg_catalog")
    connection.execute("SET client_min_messages = warning")


class PostgresDatabase:
    """A connection, asked as one to SQLite is."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self.connection = connection

    @property
    def conn(self) -> PostgresDatabase:
        """Give what is asked often: the same."""
        return self

    def execute(self, sql: str, parameters: Parameters = (), /) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run one statement."""
        return self.connection.execute(statement(sql).encode(), parameters)

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run one statement for each row of parameters, without waiting for the answer to each."""
        cursor = self.connection.cursor()
        cursor.executemany(statement(sql).encode(), parameters)
        return cursor

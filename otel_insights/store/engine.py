"""What a store stands on: the few things that the rest of this package asks of SQLite or PostgreSQL.

Statements are written once, in what both understand: parameters as `?` or `:name`, a target with every `ON CONFLICT DO
UPDATE`, columns of the table that is changed by their full names there, `CAST` where JSON becomes a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

Parameters: TypeAlias = "Sequence[Any] | dict[str, Any]"


class Cursor(Protocol):
    """What a statement gives back."""

    @property
    def rowcount(self) -> int:
        """Rows that were changed."""

    def fetchone(self) -> Any:  # noqa: ANN401 - a row, or None
        """Give the next row."""

    def fetchall(self) -> list[Any]:
        """Give all rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Give rows one by one."""


class Connection(Protocol):
    """The way to a database for what is asked often."""

    def execute(self, sql: str, parameters: Parameters = ..., /) -> Cursor:
        """Run one statement."""

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Cursor:
        """Run one statement for each row of parameters."""


class Database(Protocol):
    """A database within a transaction, or one that is only read."""

    @property
    def conn(self) -> Connection:
        """Give the connection itself."""

    def execute(self, sql: str, parameters: Parameters = ..., /) -> Cursor:
        """Run one statement."""


class Engine(Protocol):
    """One connection that writes, and others that read."""

    refusals: tuple[type[Exception], ...]
    """What is raised where the store cannot be reached or written just now; trying again may help."""
    reading_threads: int
    """How many may read at once beside the writer; 0: reading is the writer's as well."""

    @property
    def db(self) -> Database:
        """Give the connection that writes."""

    def migrate(self) -> None:
        """Bring the schema up. Raises RuntimeError for one of a newer otel-insights."""

    def begin(self, *, patient: bool) -> None:
        """Begin to write; waits for other writers if that is said, else raises one of `refusals`."""

    def commit(self) -> None:
        """End it, for good."""

    def roll_back(self) -> None:
        """End it as if it had never been."""

    def commits_at_once(self) -> bool:
        """Tell whether a small transaction takes so little time that an event loop may wait for it."""

    def is_upkeep_due(self) -> bool:
        """Tell whether `keep_up` is to be called between two transactions."""

    def keep_up(self) -> None:
        """Do what has to be done now and then."""

    def reading(self) -> AbstractContextManager[Database]:
        """Lend the calling thread a connection that reads what is committed."""

    def close_reader(self) -> None:
        """Close what the calling thread has used for reading."""

    def close(self) -> None:
        """Close everything else."""


Work: TypeAlias = Callable[[Database], Any]

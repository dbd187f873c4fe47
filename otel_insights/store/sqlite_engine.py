"""SQLite beneath a store: write-ahead log, one connection that writes, one that reads."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlite_utils

from otel_insights.store.engine import Database
from otel_insights.store.migrations import migrate

_ROWS_BETWEEN_CHECKPOINTS = 8000
"""Some 20 MB of log, since most rows have a page of their own; by then it goes from the log into the file."""
_PATIENCE_MS = 10_000
"""For another process that is writing."""


class SqliteEngine:
    """A file, or memory where there is none.

    Machines that lose power may lose the last moments: WAL with synchronous=NORMAL.
    """

    refusals: tuple[type[Exception], ...] = (sqlite3.OperationalError,)

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._db = _connect(path)
        self._reader: sqlite_utils.Database | None = None
        self._checkpointed = 0
        """Rows that had been written at the last checkpoint."""
        self._log_begins_anew = False
        """Whether the next commit waits for the disk, as the first one after a checkpoint does."""
        self.reading_threads = 1 if path else 0  # in memory there is one connection

    @property
    def db(self) -> Database:
        """Give the connection that writes."""
        return self._db

    def migrate(self) -> None:
        """Bring the schema up. Raises RuntimeError for one of a newer otel-insights."""
        migrate(self._db)
        self._db.conn.execute("PRAGMA busy_timeout=0")

    def begin(self, *, patient: bool) -> None:
        """Begin to write; another process that writes is waited for, or not."""
        if patient:
            self._db.conn.execute(f"PRAGMA busy_timeout={_PATIENCE_MS}")
        try:
            self._db.conn.execute("BEGIN IMMEDIATE")
        finally:
            if patient:
                self._db.conn.execute("PRAGMA busy_timeout=0")

    def commit(self) -> None:
        """Write the transaction into the log."""
        self._db.conn.execute("COMMIT")
        self._log_begins_anew = False

    def roll_back(self) -> None:
        """Forget the transaction."""
        if self._db.conn.in_transaction:
            self._db.conn.execute("ROLLBACK")

    def commits_at_once(self) -> bool:
        """Tell whether the next commit does without the disk."""
        return not self._log_begins_anew

    def is_upkeep_due(self) -> bool:
        """Tell whether it is time for a checkpoint."""
        return self._db.conn.total_changes - self._checkpointed >= _ROWS_BETWEEN_CHECKPOINTS

    def keep_up(self) -> None:
        """Bring what is in the log into the file; what a reader still needs stays for the next time."""
        self._checkpointed = self._db.conn.total_changes
        self._log_begins_anew = True
        with contextlib.suppress(sqlite3.OperationalError):  # a full disk: nothing is lost, the log grows meanwhile
            self._db.conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    @contextmanager
    def reading(self) -> Iterator[Database]:
        """Lend the connection that reads."""
        if self._reader is None:
            self._reader = _connect(self._path, read_only=True)
        yield self._reader

    def close_reader(self) -> None:
        """Close it."""
        if self._reader is not None:
            self._reader.close()

    def close(self) -> None:
        """Close the connection that writes."""
        self._db.close()


def _connect(path: Path | None, *, read_only: bool = False) -> sqlite_utils.Database:
    if path is None:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    else:
        mode = "ro" if read_only else "rwc"
        where = path.absolute().as_uri() + f"?mode={mode}"
        connection = sqlite3.connect(where, uri=True, isolation_level=None, check_same_thread=False, timeout=10)
    db = sqlite_utils.Database(connection)
    if not read_only:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA wal_autocheckpoint=0")  # a commit shall not do it: see Store
    connection.execute("PRAGMA cache_size=-32768")
    return db

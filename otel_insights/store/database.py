"""The store: one thread writes, in transactions that serve every request in flight; another one reads."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import unquote

from sqlite_utils import Database

from otel_insights.errors import ConfigError, Refused
from otel_insights.store import redacted
from otel_insights.store.migrations import migrate

P = ParamSpec("P")
T = TypeVar("T")

_MOST_AT_ONCE = 256
"""Pieces of work in one transaction: a bound on how long the first of them waits for its commit."""
_ROWS_BETWEEN_CHECKPOINTS = 8000
"""Some 20 MB of log, since most rows have a page of their own; by then it goes from the log into the file."""
_PATIENCE_MS = 10_000
"""For another process that is writing."""
_Work = tuple["Future[Any]", Callable[[Database], Any]]


def path_of(url: str) -> Path | None:
    """Tell the file that a store's URL names, None for a store in memory. Raises ConfigError for any other URL.

    >>> path_of("sqlite:////var/lib/insights.db")
    PosixPath('/var/lib/insights.db')
    >>> path_of("sqlite://") is None
    True
    """
    if not url.startswith("sqlite://"):
        raise ConfigError("store.url", f"expected sqlite:///FILE, or sqlite:// for a store in memory, got {url!r}")
    rest = unquote(url.removeprefix("sqlite://"))
    if rest in ("", "/", "/:memory:"):
        return None
    if not rest.startswith("/"):
        raise ConfigError("store.url", f"expected three slashes before the file, as in sqlite:///FILE, got {url!r}")
    return Path(rest[1:])


class Store:
    """Every piece of state that outlives a request.

    `write` returns when its transaction has been committed: from then on a killed process forgets nothing of it (a
    machine that loses power may lose the last moments: WAL with synchronous=NORMAL). Functions that it runs live in
    the modules of this package and take the database first.
    """

    def __init__(self, path: Path | None, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._path = path
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._db = _connect(path)
        self._writing = threading.Lock()
        self._checkpointed = 0
        """Rows that had been written at the last checkpoint."""
        self._log_begins_anew = False
        """Whether the next commit waits for the disk, as the first one after a checkpoint does."""
        try:
            migrate(self._db)
            self.instance_id: str = _setting(self._db, "instance_id", lambda: str(uuid.uuid4()))
            self.created_ns = int(_setting(self._db, "created_ns", lambda: str(now_ns())))
            redacted.season(self._db)
        except BaseException:
            self._db.close()
            raise
        self._db.conn.execute("PRAGMA busy_timeout=0")
        self._readers = ThreadPoolExecutor(1, "otel-insights-store-read") if path else None
        self._reading: Database | None = None
        self._writer = threading.Thread(target=self._write_all, name="otel-insights-store-write", daemon=True)
        self._writer.start()

    @classmethod
    def open(cls, url: str, *, now_ns: Callable[[], int] = time.time_ns) -> Store:
        """Open or make a store: `sqlite:///FILE`, or `sqlite://` in memory.

        Raises ConfigError for another URL, and for a file that cannot be opened or is no store of ours.
        """
        path = path_of(url)
        try:
            if path:
                path.parent.mkdir(parents=True, exist_ok=True)
            return cls(path, now_ns)
        except (sqlite3.Error, OSError, RuntimeError) as error:
            raise ConfigError(
                "store.url", f"expected a file that can be opened as a store, got {url!r} ({error})"
            ) from error

    async def write(self, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a transaction and return its result once that is committed.

        What it raises is raised here, and of its changes nothing stays. Raises Refused when the disk is full or locked.
        """
        done: Future[T] = Future()
        self._work.put((done, lambda db: work(db, *args, **kwargs)))
        try:
            return await asyncio.wrap_future(done)
        except sqlite3.OperationalError as error:
            raise _refused(error) from error

    async def write_little(self, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do as `write`, for work of a millisecond: on this very thread, unless that would have to wait.

        The way to the other thread and back costs more than such work does. Whatever may take long is the other
        thread's all the same: waiting for who is writing, here or in another process, and for the disk.
        """
        if not self._work.empty() or not self._writing.acquire(blocking=False):
            return await self.write(work, *args, **kwargs)
        if self._log_begins_anew:  # asked under the lock: a checkpoint may have ended a moment ago
            self._writing.release()
            return await self.write(work, *args, **kwargs)
        try:
            self._db.conn.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            self._writing.release()
            return await self.write(work, *args, **kwargs)
        try:
            result = work(self._db, *args, **kwargs)
            self._db.conn.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            if isinstance(error, sqlite3.OperationalError):
                raise _refused(error) from error
            raise
        finally:
            self._writing.release()
        if self._is_checkpoint_due():
            self._work.put((Future(), _nothing))
        return result

    async def read(self, query: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query on what is committed, beside the writer."""
        if self._readers is None:  # in memory there is one connection
            return await self.write(query, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(
            self._readers, lambda: query(self._reader(), *args, **kwargs)
        )

    async def close(self) -> None:
        """Commit what was handed in, and close."""
        self._work.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._writer.join)
        if self._readers:
            await asyncio.get_running_loop().run_in_executor(self._readers, self._close_reader)
            self._readers.shutdown()
        self._db.close()

    def _reader(self) -> Database:
        if self._reading is None:
            self._reading = _connect(self._path, read_only=True)
        return self._reading

    def _close_reader(self) -> None:
        if self._reading is not None:
            self._reading.close()

    def _write_all(self) -> None:
        while (first := self._work.get()) is not None:
            works = [first]
            ended = False
            while len(works) < _MOST_AT_ONCE and not self._work.empty():
                if (work := self._work.get()) is None:
                    ended = True
                    break
                works.append(work)
            with self._writing:
                self._transact(works)
                if self._is_checkpoint_due():
                    self._checkpoint()
            if ended:
                break

    def _transact(self, works: list[_Work]) -> None:
        """Run works in one transaction, each in a savepoint of its own, and answer them after the commit."""
        answers: list[tuple[Future[Any], Any, BaseException | None]] = []
        connection = self._db.conn
        try:
            connection.execute(f"PRAGMA busy_timeout={_PATIENCE_MS}")
            connection.execute("BEGIN IMMEDIATE")
            for done, work in works:
                connection.execute("SAVEPOINT work")
                try:
                    answers.append((done, work(self._db), None))
                except Exception as error:  # noqa: BLE001 - handed to whoever asked
                    connection.execute("ROLLBACK TO work")
                    answers.append((done, None, error))
                connection.execute("RELEASE work")
            connection.execute("COMMIT")
            self._log_begins_anew = False
        except Exception as error:  # noqa: BLE001 - nothing was committed: all of them are told
            self._roll_back()
            answers = [(done, None, error) for done, _ in works]
        finally:
            connection.execute("PRAGMA busy_timeout=0")
        for done, result, failure in answers:
            if not done.set_running_or_notify_cancel():
                continue
            if failure is None:
                done.set_result(result)
            else:
                done.set_exception(failure)

    def _roll_back(self) -> None:
        if self._db.conn.in_transaction:
            self._db.conn.execute("ROLLBACK")

    def _is_checkpoint_due(self) -> bool:
        return self._db.conn.total_changes - self._checkpointed >= _ROWS_BETWEEN_CHECKPOINTS

    def _checkpoint(self) -> None:
        """Bring what is in the log into the file; what a reader still needs stays for the next time."""
        self._checkpointed = self._db.conn.total_changes
        self._log_begins_anew = True
        with contextlib.suppress(sqlite3.OperationalError):  # a full disk: nothing is lost, the log grows meanwhile
            self._db.conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _nothing(_db: Database) -> None:
    """Give the writer something to do, so that it looks whether a checkpoint is due."""


def _refused(error: sqlite3.OperationalError) -> Refused:
    return Refused(f"the store cannot be written: {error}", retry_after=1.0)


def _connect(path: Path | None, *, read_only: bool = False) -> Database:
    if path is None:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    else:
        mode = "ro" if read_only else "rwc"
        where = path.absolute().as_uri() + f"?mode={mode}"
        connection = sqlite3.connect(where, uri=True, isolation_level=None, check_same_thread=False, timeout=10)
    db = Database(connection)
    if not read_only:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA wal_autocheckpoint=0")  # a commit shall not do it: see Store
    connection.execute("PRAGMA cache_size=-32768")
    return db


def _setting(db: Database, name: str, make: Callable[[], str]) -> str:
    db.execute("INSERT OR IGNORE INTO setting VALUES (?, ?)", [name, make()])
    return str(next(db.query("SELECT value FROM setting WHERE name = ?", [name]))["value"])

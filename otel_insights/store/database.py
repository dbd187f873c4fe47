"""The store: one thread writes, in transactions that serve every request in flight; another one reads."""

from __future__ import annotations

import asyncio
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
from otel_insights.store.migrations import migrate

P = ParamSpec("P")
T = TypeVar("T")

_MOST_AT_ONCE = 256
"""Pieces of work in one transaction: a bound on how long the first of them waits for its commit."""
_PAGES_BETWEEN_CHECKPOINTS = 4000
"""16 MB of log: what is written over and over (counts, the newest rows) goes into the file four times less often."""
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
        try:
            migrate(self._db)
            self.instance_id: str = _setting(self._db, "instance_id", lambda: str(uuid.uuid4()))
            self.created_ns = int(_setting(self._db, "created_ns", lambda: str(now_ns())))
        except BaseException:
            self._db.close()
            raise
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
            raise Refused(f"the store cannot be written: {error}", retry_after=1.0) from error

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
            self._transact(works)
            if ended:
                break

    def _transact(self, works: list[_Work]) -> None:
        """Run works in one transaction, each in a savepoint of its own, and answer them after the commit."""
        answers: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for done, work in works:
                self._db.execute("SAVEPOINT work")
                try:
                    answers.append((done, work(self._db), None))
                except Exception as error:  # noqa: BLE001 - handed to whoever asked
                    self._db.execute("ROLLBACK TO work")
                    answers.append((done, None, error))
                self._db.execute("RELEASE work")
            self._db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - nothing was committed: all of them are told
            if self._db.conn.in_transaction:
                self._db.execute("ROLLBACK")
            answers = [(done, None, error) for done, _ in works]
        for done, result, failure in answers:
            if not done.set_running_or_notify_cancel():
                continue
            if failure is None:
                done.set_result(result)
            else:
                done.set_exception(failure)


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
        connection.execute(f"PRAGMA wal_autocheckpoint={_PAGES_BETWEEN_CHECKPOINTS}")
    connection.execute("PRAGMA cache_size=-32768")
    return db


def _setting(db: Database, name: str, make: Callable[[], str]) -> str:
    db.execute("INSERT OR IGNORE INTO setting VALUES (?, ?)", [name, make()])
    return str(next(db.query("SELECT value FROM setting WHERE name = ?", [name]))["value"])

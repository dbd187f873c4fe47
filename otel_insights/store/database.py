"""The store: one thread writes, in transactions that serve every request in flight; others read."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, TypeVar

from otel_insights.errors import ConfigError, Refused
from otel_insights.store import redacted, settings
from otel_insights.store.engine import Database, Engine, Work
from otel_insights.store.location import explaining, is_postgres, path_of
from otel_insights.store.sqlite_engine import SqliteEngine

P = ParamSpec("P")
T = TypeVar("T")

_MOST_AT_ONCE = 256
"""Pieces of work in one transaction: a bound on how long the first of them waits for its commit."""
_Asked = tuple["Future[Any]", Work]


class Store:
    """Every piece of state that outlives a request.

    `write` returns when its transaction has been committed: from then on a killed process forgets nothing of it (what a
    machine may lose that loses power is the engine's to say). Functions that it runs live in
    the modules of this package and take the database first.
    """

    def __init__(self, engine: Engine, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._engine = engine
        self._work: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._writing = threading.Lock()
        try:
            engine.migrate()
            self.instance_id: str = settings.ensure(engine.db, "instance_id", str(uuid.uuid4()))
            self.created_ns = int(settings.ensure(engine.db, "created_ns", str(now_ns())))
            redacted.season(engine.db)
        except BaseException:
            engine.close()
            raise
        readers = engine.reading_threads
        self._readers = ThreadPoolExecutor(readers, "otel-insights-store-read") if readers else None
        self._writer = threading.Thread(target=self._write_all, name="otel-insights-store-write", daemon=True)
        self._writer.start()

    @classmethod
    def open(cls, url: str, *, now_ns: Callable[[], int] = time.time_ns) -> Store:
        """Open or make a store: `sqlite:///FILE`, `sqlite://` in memory, `postgresql://USER@HOST/DATABASE`.

        Raises ConfigError for another URL, and for a store that cannot be opened or is none of ours.
        """
        if is_postgres(url):
            return cls._open_postgres(url, now_ns)
        path = path_of(url)
        try:
            if path:
                path.parent.mkdir(parents=True, exist_ok=True)
            return cls(SqliteEngine(path), now_ns)
        except (sqlite3.Error, OSError, RuntimeError) as error:
            raise ConfigError(
                "store.url", f"expected a file that can be opened as a store, got {url!r} ({error})"
            ) from error

    @classmethod
    def _open_postgres(cls, url: str, now_ns: Callable[[], int]) -> Store:
        with explaining(url):
            from otel_insights.store.postgres_engine import PostgresEngine  # noqa: PLC0415 - an extra of its own

            return cls(PostgresEngine(url), now_ns)

    async def write(self, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a transaction and return its result once that is committed.

        What it raises is raised here, and of its changes nothing stays. Raises Refused where the store cannot be
        written now: its disk is full, somebody holds it, its server is away.
        """
        done: Future[T] = Future()
        self._work.put((done, lambda db: work(db, *args, **kwargs)))
        try:
            return await asyncio.wrap_future(done)
        except self._engine.refusals as error:
            raise _refused(error) from error

    async def write_little(self, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do as `write`, for work of a millisecond: on this very thread, unless that would have to wait.

        The way to the other thread and back costs more than such work does. Whatever may take long is the other
        thread's all the same: waiting for who is writing, here or in another process, and for the disk.
        """
        engine = self._engine
        if not self._work.empty() or not self._writing.acquire(blocking=False):
            return await self.write(work, *args, **kwargs)
        if not engine.commits_at_once():  # asked under the lock: a checkpoint may have ended a moment ago
            self._writing.release()
            return await self.write(work, *args, **kwargs)
        try:
            engine.begin(patient=False)
        except engine.refusals:
            self._writing.release()
            return await self.write(work, *args, **kwargs)
        try:
            result = work(engine.db, *args, **kwargs)
            engine.commit()
        except BaseException as error:
            engine.roll_back()
            if isinstance(error, engine.refusals):
                raise _refused(error) from error
            raise
        finally:
            self._writing.release()
        if engine.is_upkeep_due():
            self._work.put((Future(), _nothing))
        return result

    async def read(self, query: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query on what is committed, beside the writer. Raises Refused where the store cannot be reached."""
        if self._readers is None:
            return await self.write(query, *args, **kwargs)

        def ask() -> T:
            with self._engine.reading() as db:
                return query(db, *args, **kwargs)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, ask)
        except self._engine.refusals as error:
            raise _refused(error) from error

    async def close(self) -> None:
        """Commit what was handed in, and close."""
        self._work.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._writer.join)
        if self._readers:
            await asyncio.get_running_loop().run_in_executor(self._readers, self._engine.close_reader)
            self._readers.shutdown()
        self._engine.close()

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
                if self._engine.is_upkeep_due():
                    self._engine.keep_up()
            if ended:
                break

    def _transact(self, works: list[_Asked]) -> None:
        """Run works in one transaction, each in a savepoint of its own, and answer them after the commit."""
        answers: list[tuple[Future[Any], Any, BaseException | None]] = []
        engine = self._engine
        try:
            engine.begin(patient=True)
            db = engine.db
            for done, work in works:
                db.execute("SAVEPOINT work")
                try:
                    answers.append((done, work(db), None))
                except Exception as error:  # noqa: BLE001 - handed to whoever asked
                    db.execute("ROLLBACK TO work")
                    answers.append((done, None, error))
                db.execute("RELEASE work")
            engine.commit()
        except Exception as error:  # noqa: BLE001 - nothing was committed: all of them are told
            engine.roll_back()
            answers = [(done, None, error) for done, _ in works]
        for done, result, failure in answers:
            if not done.set_running_or_notify_cancel():
                continue
            if failure is None:
                done.set_result(result)
            else:
                done.set_exception(failure)


def _nothing(_db: Database) -> None:
    """Give the writer something to do, so that it looks whether upkeep is due."""


def _refused(error: BaseException) -> Refused:
    return Refused(f"the store cannot be written: {error}", retry_after=1.0)

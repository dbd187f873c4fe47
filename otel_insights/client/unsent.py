"""Records on their way out: those that wait, and those that an exporter has and has not delivered yet."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from otel_insights.client.guard import guarded
from otel_insights.client.quiet import quiet

_Raw = TypeVar("_Raw")
_Clean = TypeVar("_Clean")


@dataclass(slots=True, eq=False)
class Unsent(Generic[_Raw, _Clean]):
    """Keeps at most `size` records and drops what comes then; what is dropped is counted."""

    size: int
    batch: int
    clean: Callable[[_Raw], _Clean]
    """Takes the secrets out; called once for each record."""
    export: Callable[[Sequence[_Clean]], bool]
    """Whether a batch was delivered."""
    keep: Callable[[Sequence[_Clean]], object]
    """Told what was not, to put it in safety."""
    heard: Callable[[], Sequence[_Clean]] = tuple
    """Asked after a success, for what may be said now that somebody listens."""
    dropped: int = field(default=0, init=False)
    _queue: deque[_Raw] = field(default_factory=deque, init=False)
    _under_way: list[_Clean] = field(default_factory=list, init=False)
    # reentrant, for a signal's handler may come in between; held for the cleaning of a record at most
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False)

    def put(self, record: _Raw) -> int:
        """Keep a record; never blocks. How many wait, or 0 if it was dropped."""
        if len(self._queue) >= self.size:
            self.dropped += 1
            return 0
        self._queue.append(record)
        return len(self._queue)

    @property
    def waiting(self) -> bool:
        """Whether something is to be sent, or is being sent."""
        return bool(self._queue or self._under_way)

    def send(self) -> None:
        """Export everything that waits; of one thread only, since it is silent for its own thread only."""
        with quiet():
            while batch := self._next():
                # an exporter that raises is none that may be asked with the same again
                delivered = bool(guarded(self.export)(batch))
                with self._lock:
                    rest, self._under_way = self._under_way, list(self.heard()) if delivered else []
                if not delivered and rest:
                    guarded(self._kept)(rest)

    def rescue(self) -> None:
        """Have kept what waits and what is under way: from another thread, for a process that has no more time."""
        while batch := self._next():
            with self._lock:
                self._under_way = []
            guarded(self._kept)(batch)

    def _kept(self, records: Sequence[_Clean]) -> None:
        try:
            self.keep(records)
        except Exception:
            self.dropped += len(records)
            raise

    def forget(self) -> None:
        """Drop what waits: after a fork it is the parent's, and so may be a lock."""
        self._queue, self._under_way, self._lock = deque(), [], threading.RLock()

    def _next(self) -> Sequence[_Clean]:
        while True:
            with self._lock:
                if not self._queue or len(self._under_way) >= self.batch:
                    return list(self._under_way)
                self._under_way.append(self.clean(self._queue.popleft()))

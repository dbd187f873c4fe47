"""The one thread that we run: it delivers, announces, and can be waited for with a bound.

The SDK's own `force_flush` ignores its timeout, and Python starts no thread while it exits: this one is there before.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, set_value

from otel_insights.client.guard import guarded

HOUR = 3600.0
PATIENCE = 0.5
"""Seconds after which a process that exits gives up trying again; a request that is under way may end."""


@dataclass(slots=True)
class Courier:
    """Calls `deliver` every `delay` seconds, or when asked; before the first time, and then hourly, `announce`."""

    deliver: Callable[[bool], object]
    """Told whether somebody waits for it."""
    announce: Callable[[], object]
    delay: float
    abort: Callable[[], object] = lambda: None
    """Called from another thread: try nothing again."""
    rescue: Callable[[], object] = lambda: None
    """Called from another thread, where the time is up: put in safety what is unsent."""
    resend: Callable[[Callable[[], bool]], object] = lambda _: None
    """Called when there is nothing better to do; given what tells whether there is."""
    clock: Callable[[], float] = time.monotonic
    thread: threading.Thread = field(init=False)
    # an RLock within: a hook may run in a thread that is in here already, from the garbage collector
    _changed: threading.Condition = field(default_factory=threading.Condition, init=False)
    _woken: bool = field(default=False, init=False)
    _asked: int = field(default=0, init=False)
    _answered: int = field(default=0, init=False)
    _closed: bool = field(default=False, init=False)
    _ended: bool = field(default=False, init=False)
    _announced: float | None = field(default=None, init=False)

    def start(self) -> None:
        """Begin; the thread keeps no process alive."""
        self.thread = threading.Thread(target=self._run, name="otel_insights", daemon=True)
        self.thread.start()

    def wake(self) -> None:
        """Deliver soon; nobody waits."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def flush(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds until what came before is delivered; whether it was."""
        if threading.current_thread() is self.thread:
            return False
        with self._changed:
            self._asked += 1
            self._changed.notify_all()
            return self._wait(self._asked, timeout)

    def _wait(self, ticket: int, timeout: float) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._answered >= ticket or self._ended, max(0.0, timeout))
            return self._answered >= ticket

    def close(self, timeout: float) -> bool:
        """Deliver a last time and end the thread, waiting at most `timeout` seconds."""
        with self._changed:
            self._closed = True
            ticket = self._asked + 1
        if self.flush(min(timeout, PATIENCE)):
            return True
        guarded(self.abort)()
        if self._wait(ticket, timeout - PATIENCE):
            return True
        guarded(self.rescue)()
        return False

    def _run(self) -> None:
        attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, value=True))
        closed = False
        while not closed:
            guarded(self.resend)(lambda: self._closed or self._asked > self._answered)
            with self._changed:
                self._changed.wait_for(lambda: self._woken or self._asked > self._answered, self.delay)
                self._woken = False
                asked, closed = self._asked, self._closed
            self._work(waited_for=asked > self._answered)
            with self._changed:
                self._answered, self._ended = asked, closed
                self._changed.notify_all()

    @guarded
    def _work(self, *, waited_for: bool) -> None:
        """Announce before, since a dying process may have the time for one request only."""
        now = self.clock()
        if self._announced is None or now - self._announced >= HOUR:
            self._announced = now
            guarded(self.announce)()
        self.deliver(waited_for)

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


@dataclass(slots=True)
class Courier:
    """Calls `deliver` every `delay` seconds, or when asked; `announce` first after that, then hourly."""

    deliver: Callable[[bool], None]
    """Told whether somebody waits for it."""
    announce: Callable[[], None]
    delay: float
    clock: Callable[[], float] = time.monotonic
    thread: threading.Thread = field(init=False)
    # an RLock within: a hook may run in a thread that is in here already, from the garbage collector
    _changed: threading.Condition = field(default_factory=threading.Condition, init=False)
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
        """Deliver now, without waiting for it."""
        with self._changed:
            self._asked += 1
            self._changed.notify_all()

    def flush(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds until what came before is delivered; whether it was."""
        if threading.current_thread() is self.thread:
            return False
        with self._changed:
            self._asked += 1
            ticket = self._asked
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._answered >= ticket or self._ended, max(0.0, timeout))
            return self._answered >= ticket

    def close(self, timeout: float) -> bool:
        """Deliver a last time and end the thread, waiting at most `timeout` seconds."""
        with self._changed:
            self._closed = True
        return self.flush(timeout)

    def _run(self) -> None:
        attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, value=True))
        closed = False
        while not closed:
            with self._changed:
                self._changed.wait_for(lambda: self._asked > self._answered, self.delay)
                asked, closed = self._asked, self._closed
            self._work(waited_for=asked > self._answered)
            with self._changed:
                self._answered, self._ended = asked, closed
                self._changed.notify_all()

    @guarded
    def _work(self, *, waited_for: bool) -> None:
        """Failures first: a dying process may not have the time for both."""
        self.deliver(waited_for)
        now = self.clock()
        if self._announced is None or now - self._announced >= HOUR:
            self._announced = now
            self.announce()
            self.deliver(waited_for)

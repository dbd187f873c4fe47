"""Sends again what an earlier process, or this one, could not send: in the background, with back-off."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from otel_insights.client.spool import Answer, Spool

_FIRST, _LONGEST, _IDLE = 1.0, 300.0, 60.0
"""Seconds: the first pause after a failure, the longest, and between looks at a spool that was empty."""


@dataclass(slots=True)
class Replay:
    """Called as often as one likes; it looks at the spool when that is due."""

    spool: Spool
    send: Callable[[bytes], Answer]
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[float, float], float] = random.uniform
    _due: float | None = field(default=None, init=False)
    _pause: float = field(default=_FIRST, init=False)

    def __call__(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Send what there is, until something fails or `stop` says so."""
        if self._due is not None and self.clock() < self._due:
            return
        stopped = False

        def should_stop() -> bool:
            nonlocal stopped
            stopped = stop()
            return stopped

        try:
            done = self.spool.replay(self.send, should_stop)
        except OSError:
            done = False
        if done or stopped:
            self._pause = _FIRST
            self._due = self.clock() + (_IDLE if done else 0.0)
        else:
            self._due = self.clock() + self.jitter(0.5, 1.0) * self._pause
            self._pause = min(2 * self._pause, _LONGEST)

"""Trying an export again while its sender waits: the Collector's back-off, within a short bound."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from otel_insights.errors import Refused
from otel_insights.exporters.otlp_answers import NotLetIn

T = TypeVar("T")

_MULTIPLIER: Final = 1.5
_SPREAD: Final = 0.5
"""As in the Collector's `configretry`: a pause is the interval times 0.5 to 1.5, and the interval grows by half."""
_SHORTEST: Final = 0.001
"""In seconds: a sleep may end late, and 0 would mean no timeout at all."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How time passes, and chance: tests pass their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    """Uniform in [0, 1)."""


REAL_CLOCK: Final = Clock()


@dataclass(frozen=True, slots=True)
class Bound:
    """How often and how long an export is tried; everything is in seconds.

    `max_elapsed` bounds the start of the last try, `timeout` the end of it. With `max_elapsed` 0 there is one try.
    """

    initial_interval: float
    max_interval: float
    max_elapsed: float
    timeout: float


async def retried(attempt: Callable[[float], Awaitable[T]], bound: Bound, clock: Clock) -> T:
    """Call `attempt` with the seconds left until it succeeds; raises Refused when the bound is reached.

    That Refused says how long the sender should wait: what the next hop asked for, else the next pause there would have
    been. Errors other than Refused pass at once. So does NotLetIn, with the longest interval for the sender's pause.
    """
    began, interval = clock.now(), bound.initial_interval
    while True:
        try:
            left = bound.timeout - (clock.now() - began)
            return await attempt(max(left, _SHORTEST))
        except NotLetIn as error:
            raise NotLetIn(str(error), retry_after=bound.max_interval) from error
        except Refused as error:
            pause = max(interval * (1 + _SPREAD * (2 * clock.chance() - 1)), error.retry_after or 0.0)
            elapsed = clock.now() - began
            if elapsed + pause > min(bound.max_elapsed, bound.timeout):
                raise Refused(str(error), retry_after=error.retry_after or pause) from error
        await clock.sleep(pause)
        interval = min(interval * _MULTIPLIER, bound.max_interval)

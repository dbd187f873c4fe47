"""Offering a request again until it is taken: for receivers whose data waits for them, and not a sender."""

from __future__ import annotations

import enum
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from otel_insights.component import Consume
from otel_insights.errors import BadData, Refused
from otel_insights.payload import Payload

logger = logging.getLogger(__name__)

Wait: TypeAlias = Callable[[float], Awaitable[bool]]


class Outcome(enum.Enum):
    """What became of a request; the value is the Collector's word for it."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """It is bad data, and will not be taken another time either."""
    FAILED = "failed"
    """An error of ours, that the same request would meet again."""
    ABANDONED = "abandoned"
    """Not dealt with: we were told to stop before."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long to wait before the next offer, in seconds: twice as long each time, and at least what was asked for."""

    first: float
    longest: float


async def insist(attempt: Callable[[], Awaitable[object]], pauses: Pauses, given_up_within: Wait) -> bool:
    """Try until it is not refused; tells whether it was done, and not given up.

    `given_up_within` waits so many seconds and tells whether to give up.
    """
    pause = pauses.first
    while True:
        try:
            await attempt()
        except Refused as error:
            if await given_up_within(max(pause, error.retry_after or 0.0)):
                return False
            pause = min(2 * pause, pauses.longest)
        else:
            return True


async def offer(
    payload: Payload, consume: Consume, pauses: Pauses, given_up_within: Wait, who: str
) -> tuple[Outcome, str]:
    """Hand on a request, again and again while it is refused; tells what became of it, and why.

    `who` is named in the log.
    """
    try:
        done = await insist(partial(consume, payload), pauses, given_up_within)
    except BadData as error:
        logger.debug("%s: a request was not accepted: %s", who, error)
        return Outcome.REFUSED, str(error)
    except Exception as error:
        logger.exception("%s: a request was given up", who)
        return Outcome.FAILED, f"{type(error).__name__}: {error}"
    return (Outcome.ACCEPTED, "") if done else (Outcome.ABANDONED, "")

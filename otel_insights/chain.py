"""How components are joined: a pipeline is one consumer, made of nested ones."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from otel_insights.component import Accepted, Consume, Exporter, Processor
from otel_insights.errors import BadData, Refused
from otel_insights.payload import Payload


async def keep(_payload: Payload) -> Accepted:
    """End a pipeline without exporters: what was learnt is kept, and nothing is sent on."""
    return Accepted()


def pipeline(processors: Sequence[Processor], exporters: Iterable[Exporter]) -> Consume:
    """Join processors, in their order, with exporters that all get the same payload at once."""
    consume = fan_out([exporter.export for exporter in exporters])
    for processor in reversed(processors):
        if type(processor).process is not Processor.process:  # one that only analyses costs nothing here
            consume = _before(processor, consume)
    return consume


def _before(processor: Processor, following: Consume) -> Consume:
    async def consume(payload: Payload) -> Accepted:
        return await processor.process(payload, following)

    return consume


def fan_out(consumers: Sequence[Consume]) -> Consume:
    """Hand one payload, which nobody changes, to several consumers at once, and wait for all of them.

    The sender has one answer, so the worst one counts: what is a bug, then Refused (the sender tries again, and those
    that have accepted get it twice), then BadData. Of partial successes the largest is passed on, with all reasons.
    """
    if len(consumers) == 0:
        return keep
    if len(consumers) == 1:
        return consumers[0]

    async def consume(payload: Payload) -> Accepted:
        return _one_answer(await asyncio.gather(*(each(payload) for each in consumers), return_exceptions=True))

    return consume


def split(consumers: Sequence[Consume]) -> Consume:
    """Hand a payload of its own to each consumer: pipelines change what passes them."""
    if len(consumers) == 1:
        return consumers[0]
    return fan_out([consumers[0], *map(_with_own_copy, consumers[1:])])


def _with_own_copy(following: Consume) -> Consume:
    # called before any consumer has run: gather makes all coroutines first, and a coroutine starts later
    def consume(payload: Payload) -> asyncio.Future[Accepted]:
        own = Payload(payload.signal, payload.data, gzipped=payload.gzipped, replay=payload.replay)
        return asyncio.ensure_future(following(own))

    return consume


def _one_answer(answers: Sequence[Accepted | BaseException]) -> Accepted:
    errors = [answer for answer in answers if isinstance(answer, BaseException)]
    if errors:
        raise _worst(errors)
    accepted = [answer for answer in answers if isinstance(answer, Accepted)]
    reasons = dict.fromkeys(answer.reason for answer in accepted if answer.reason)
    return Accepted(max(answer.rejected for answer in accepted), "; ".join(reasons))


def _worst(errors: Sequence[BaseException]) -> BaseException:
    for error in errors:
        if not isinstance(error, BadData | Refused):
            return error
    refused = [error for error in errors if isinstance(error, Refused)]
    return max(refused, key=lambda error: error.retry_after or 0) if refused else errors[0]

"""The processor `memory_limiter`: a budget of bytes under way."""

import asyncio

import pytest
from otlp_samples import FakeHost, Sink, build, passing, span, spans

from otel_insights.component import Accepted
from otel_insights.errors import Refused
from otel_insights.processors.memory_limiter import FACTORY


async def test_what_would_pass_the_budget_is_refused_until_something_has_left(host: FakeHost):
    payload = spans(span(1))
    limiter = build(FACTORY, limit=payload.size, retry_after="3s")
    await limiter.start(host)
    arrived, leave = asyncio.Event(), asyncio.Event()

    async def slow(_payload):
        arrived.set()
        await leave.wait()
        return Accepted()

    first = asyncio.create_task(limiter.process(payload, slow))
    await arrived.wait()
    with pytest.raises(Refused) as refusal:
        await passing([limiter], payload, Sink())
    assert refusal.value.retry_after == 3
    assert host.metrics.value("otelcol_processor_refused_spans", processor="memory_limiter") == 1

    leave.set()
    await first
    await passing([limiter], payload, Sink())
    assert limiter.in_flight == 0


async def test_one_payload_alone_passes_whatever_its_size(host: FakeHost):
    limiter = build(FACTORY, limit=1)
    await limiter.start(host)
    assert await passing([limiter], spans(span(1)), Sink()) == Accepted()


async def test_budget_is_given_back_when_the_next_hop_refuses(host: FakeHost):
    limiter = build(FACTORY)
    await limiter.start(host)
    with pytest.raises(Refused):
        await passing([limiter], spans(span(1)), Sink(answers=[Refused("later")]))
    assert limiter.in_flight == 0

"""What an application reports itself: caught exceptions, events, and what leaves decorated functions."""

import inspect

import pytest

import otel_insights
from otel_insights import exception_telemetry

DECORATED = """
import asyncio
SETUP
told = otel_insights.exception_telemetry("checkout.failed", feature="checkout", tier=2)
@told
def plain(): raise ValueError("plain")
@told
async def coroutine(): raise ValueError("coroutine")
@told
def generator():
    yield 1
    raise ValueError("generator")
@told
async def async_generator():
    yield 1
    raise ValueError("async generator")
@told
def leave(): raise SystemExit(4)
async def consume():
    async for _ in async_generator(): pass
for fail in (plain, lambda: asyncio.run(coroutine()), lambda: list(generator()), lambda: asyncio.run(consume())):
    try: fail()
    except ValueError as error: otel_insights.record_exception(error)
leave()
"""


async def test_what_leaves_a_decorated_function_is_reported_once_with_its_attributes(world):
    outcome = await world.run(DECORATED)
    assert (outcome.code, outcome.err) == (4, "")
    events = [one for one in outcome.events if one.name == "checkout.failed"]
    names = ["plain", "coroutine", "generator", "async generator"]
    assert [one.attributes["exception.message"] for one in events] == names
    assert {one.attributes["feature"] for one in events} == {"checkout"}
    assert {one.attributes["tier"] for one in events} == {2}
    assert events[0].attributes["code.function.name"] == "__main__.plain"
    assert events[0].attributes["otel_insights.exception.mechanism"] == "decorator"
    assert outcome.exceptions == []


def test_a_decorated_function_is_of_the_kind_that_it_was():
    @exception_telemetry()
    def plain():
        """Say."""

    @exception_telemetry()
    async def coroutine(): ...

    @exception_telemetry()
    def generator():
        yield

    @exception_telemetry()
    async def async_generator():
        yield

    assert (plain.__name__, plain.__doc__) == ("plain", "Say.")
    assert inspect.iscoroutinefunction(coroutine)
    assert inspect.isgeneratorfunction(generator)
    assert inspect.isasyncgenfunction(async_generator)


def test_a_decorated_generator_is_sent_to_thrown_into_and_closed_like_any():
    @exception_telemetry()
    def echo():
        try:
            got = yield "first"
            while True:
                try:
                    got = yield got
                except KeyError:
                    got = "thrown"
        finally:
            closed.append(True)

    closed = []
    made = echo()
    assert [next(made), made.send("a"), made.throw(KeyError()), made.send("b")] == ["first", "a", "thrown", "b"]
    made.close()
    assert closed == [True]


async def test_a_decorated_async_generator_is_sent_to_thrown_into_and_closed_like_any():
    @exception_telemetry()
    async def echo():
        try:
            got = yield "first"
            while True:
                try:
                    got = yield got
                except KeyError:
                    got = "thrown"
        finally:
            closed.append(True)

    closed = []
    made = echo()
    assert [await made.asend(None), await made.asend("a"), await made.athrow(KeyError()), await made.asend("b")] == [
        "first",
        "a",
        "thrown",
        "b",
    ]
    await made.aclose()
    assert closed == [True]


def test_without_instrument_everything_may_be_called_and_does_nothing():
    assert otel_insights.record_event("order.placed", {"n": 1})
    assert otel_insights.record_exception(ValueError()) is None
    assert otel_insights.flush(0.1)
    assert otel_insights.shutdown(0.1)

    @exception_telemetry()
    def fail():
        raise ValueError("goes on")

    with pytest.raises(ValueError, match="goes on"):
        fail()


def test_a_name_that_is_not_ours_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'instrumented'"):
        _ = otel_insights.instrumented
    assert sorted(otel_insights.__all__) == otel_insights.__all__


EVENTS = """
SETUP
class Odd:
    def __repr__(self): return "odd"
otel_insights.record_event("order.placed", {"items": 3, "hwid": "no", "odd": Odd(), "user": "ann@shop.example"})
try:
    {}["x"]
except KeyError as error:
    otel_insights.record_exception(error, attributes={"exception.type": "forged", "step": "look up"})
    otel_insights.record_exception(error)
print(otel_insights.flush(10))
print(otel_insights.shutdown(10))
otel_insights.record_event("after the end")
"""


async def test_events_and_caught_exceptions_arrive_once_with_what_may_be_said(world):
    outcome = await world.run(EVENTS)
    assert (outcome.code, outcome.out, outcome.err) == (0, "True\nTrue\n", "")
    placed, caught = (one for one in outcome.events if one.name != "package.info")
    assert placed.name == "order.placed"
    assert placed.attributes.pop("log.record.uid")
    assert placed.attributes == {"items": 3, "odd": "odd", "user": "[email]", "otel_insights.redactions": 1}
    assert caught.severity == "ERROR"
    assert (caught.attributes["exception.type"], caught.attributes["step"]) == ("KeyError", "look up")
    assert caught.attributes["otel_insights.exception.handled"] is True
    assert caught.attributes["otel_insights.exception.mechanism"] == "manual"


async def test_flush_gives_up_at_its_timeout(world):
    program = "SETUP\notel_insights.record_event('unheard')\nprint(otel_insights.flush(0.05))\n"
    setup = "import otel_insights; otel_insights.instrument(flush_timeout=0.1)"
    outcome = await world.run(program, setup=setup, env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})
    assert (outcome.code, outcome.out, outcome.err) == (0, "False\n", "")

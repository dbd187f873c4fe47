"""Tracing: set up where there is none, joined where there is one, and never counted twice with our events."""

import asyncio
import re

import pytest
from otlp_samples import Sink, passing

from otel_insights.components import available
from otel_insights.config import read
from otel_insights.service import Service
from otel_insights.store import clusters

TRACED = """
SETUP
from opentelemetry import trace
tracer = trace.get_tracer("test")
with tracer.start_as_current_span("outer", attributes={"db.password": "x1"}):
    with tracer.start_as_current_span("inner"):
        raise ValueError("no password=hunter2")
"""
CAUGHT = """
SETUP
from opentelemetry import trace
with trace.get_tracer("test").start_as_current_span("work"):
    print("done")
"""
THEIRS = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
provider = TracerProvider(resource=Resource.create({"service.name": "theirs", "service.instance.id": "i"}))
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
"""


async def test_without_tracing_spans_are_exported_without_secrets_and_say_who_they_are_of(world):
    outcome = await world.run(TRACED)
    inner, outer = outcome.spans
    assert (inner.name, outer.name) == ("inner", "outer")
    assert outer.attributes["db.password"] == "[redacted]"
    assert inner.events[0]["exception.message"] == "no password=[redacted]"
    assert inner.status == "ValueError: no password=[redacted]"
    assert "hunter2" not in str(outcome.spans)
    (event,) = outcome.exceptions
    assert (event.trace_id, event.span_id) == (inner.trace_id, inner.span_id)
    assert event.resource == inner.resource
    assert inner.resource["service.name"] == "shop"
    assert inner.resource["process.runtime.name"] == "cpython"


@pytest.mark.parametrize("mode", ["frames", "hash"])
async def test_a_span_holds_no_more_of_a_trace_than_our_event(world, mode):
    outcome = await world.run(TRACED, env={"OTEL_INSIGHTS_STACKTRACE": mode})
    held = outcome.spans[0].events[0]
    assert ("exception.stacktrace" in held) is (mode == "frames")
    assert ("otel_insights.exception.stacktrace.hash" in held) is (mode == "hash")
    assert "raise ValueError" not in str(outcome.spans)


SERVER = """
receivers: {insights: {interval: 1h}}
processors: {environments: {}, exceptions: {}}
store: {url: "sqlite://"}
service: {pipelines: {logs: {receivers: [insights], processors: [environments, exceptions]}}}
"""


@pytest.mark.parametrize(("mode", "first"), [("full", 1), ("full", -1), ("hash", 1)], ids=str)
async def test_the_server_counts_an_exception_in_spans_and_in_our_event_once(world, mode, first):
    await world.run(TRACED, env={"OTEL_INSIGHTS_STACKTRACE": mode})
    service = Service(read(SERVER, available()), available())
    await service.start()
    try:
        for payload in world.sink.got[::first]:
            await passing(list(service.processors.values()), payload, Sink())
        await service.analyse()
        found = await service.store.read(clusters.page)
        assert [one.count for one in found] == [1]
    finally:
        await service.stop()


async def test_the_variables_about_spans_are_heeded(world):
    env = {
        "OTEL_TRACES_SAMPLER": "always_off",
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "1",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
    }
    assert (await world.run(CAUGHT, env=env)).spans == []
    (span,) = (await world.run(CAUGHT, env=env | {"OTEL_TRACES_SAMPLER": "always_on"})).spans
    assert span.resource["deployment.environment.name"] == "test"


async def test_exporters_are_chosen_by_variables(world):
    none, console, unknown = await asyncio.gather(
        world.run(TRACED, env={"OTEL_TRACES_EXPORTER": "none"}),
        world.run(CAUGHT, env={"OTEL_TRACES_EXPORTER": "console", "OTEL_LOGS_EXPORTER": "none"}),
        world.run(CAUGHT, env={"OTEL_TRACES_EXPORTER": "nobody", "OTEL_INSIGHTS_STRICT": ""}),
    )
    assert '"name": "work"' in console.out
    assert (unknown.code, unknown.out, unknown.err) == (0, "done\n", "")
    assert none.code == 1
    # each saw the others' events, since they ran at once; of spans there were none
    assert world._spans(0) == []
    assert [one.name for one in world._events(0) if one.name != "package.info"] == ["exception"]


async def test_a_provider_of_the_application_stays_and_its_spans_are_exported_by_itself_alone(world):
    program = THEIRS + "trace.set_tracer_provider(provider)\nSETUP\n" + TRACED.replace("SETUP", "")
    outcome = await world.run(program, setup="import otel_insights; otel_insights.instrument()")
    assert [one.name for one in outcome.spans] == ["inner", "outer"]
    (event,) = outcome.exceptions
    assert event.span_id == outcome.spans[0].span_id
    assert event.resource["service.name"] == "theirs"
    assert "provider is allowed" not in outcome.err


async def test_a_provider_that_the_application_sets_later_takes_the_place_of_ours(world):
    program = "SETUP\n" + THEIRS + "trace.set_tracer_provider(provider)\n" + TRACED.replace("SETUP", "")
    outcome = await world.run(program)
    assert "not allowed" not in outcome.err
    assert [(one.name, one.resource["service.name"]) for one in outcome.spans] == [
        ("inner", "theirs"),
        ("outer", "theirs"),
    ]
    assert outcome.exceptions[0].span_id == outcome.spans[0].span_id


async def test_taken_back_and_installed_again_spans_go_out_once(world):
    program = (
        "import otel_insights\nfrom opentelemetry import trace\n"
        "def work(name):\n    with trace.get_tracer('t').start_as_current_span(name): pass\n"
        "otel_insights.instrument()\nwork('first')\notel_insights.uninstrument()\nwork('unheard')\n"
        "otel_insights.instrument()\nwork('second')\n"
    )
    outcome = await world.run(program)
    assert [one.name for one in outcome.spans] == ["first", "second"]


FORKED = """
import os
SETUP
from opentelemetry import trace
tracer = trace.get_tracer("test")
def work(name):
    with tracer.start_as_current_span(name): pass
work("before")
if (child := os.fork()) == 0:
    work("child")
    otel_insights.record_event("child")
    raise SystemExit
os.waitpid(child, 0)
work("parent")
"""


@pytest.mark.parametrize("given", ["", "mine"])
async def test_a_forked_child_sends_its_own_spans_under_its_own_name_unless_one_was_given(world, given):
    env = {"OTEL_RESOURCE_ATTRIBUTES": f"service.instance.id={given}"} if given else {}
    outcome = await world.run(FORKED, env=env)
    assert sorted(one.name for one in outcome.spans) == ["before", "child", "parent"]
    of = {one.name: one.resource for one in outcome.spans}
    assert of["before"] == of["parent"]
    assert of["before"]["process.pid"] != of["child"]["process.pid"]
    (event,) = (one for one in outcome.events if one.name == "child")
    assert event.resource == of["child"]
    ids = {one["service.instance.id"] for one in of.values()}
    assert ids == {given} if given else len(ids) == 2


async def test_an_instance_id_in_a_provider_of_the_application_survives_a_fork(world):
    program = THEIRS + "trace.set_tracer_provider(provider)\n" + FORKED
    outcome = await world.run(program, setup="import otel_insights; otel_insights.instrument()")
    assert {one.resource["service.instance.id"] for one in outcome.spans} == {"i"}
    assert {one.resource["service.instance.id"] for one in outcome.events} == {"i"}


async def test_many_spans_are_sent_while_they_come(world):
    program = (
        "SETUP\nfrom opentelemetry import trace\ntracer = trace.get_tracer('t')\n"
        "for n in range(40):\n    tracer.start_span(str(n)).end()\n    if n % 5 == 4: otel_insights.flush(10)\n"
    )
    env = {"OTEL_BSP_MAX_QUEUE_SIZE": "10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "5"}
    outcome = await world.run(program, env=env)
    assert [one.name for one in outcome.spans] == [str(n) for n in range(40)]


async def test_nobody_listening_costs_a_traced_process_no_more_than_the_bound(world):
    program = (
        "import atexit, time\nstarted = time.monotonic()\n"
        "atexit.register(lambda: print(time.monotonic() - started < 5))\n" + TRACED
    )
    setup = "import otel_insights; otel_insights.instrument(flush_timeout=0.3)"
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    outcome = await world.run(program, setup=setup, env=env)
    assert outcome.out == "True\n"
    assert re.search(r"ValueError: no password=hunter2\n$", outcome.err)

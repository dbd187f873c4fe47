"""Runs of jobs and agents, as an application tells of them, against a real receiver and a real store."""

import json

from otlp_samples import Sink, build, passing

from otel_insights.payload import Signal
from otel_insights.processors import runs as processor
from otel_insights.store import runs

TRACKED = """
import otel_insights
SETUP
with otel_insights.track_run("crawler", "nightly", product="shop", input_summary="all of it") as run:
    run.log_event("page.read", {"pages": 3})
    run.set_metrics(items_discovered=5, items_succeeded=4, items_failed=1, cost=0.25, items_skipped=-1)
    run.output_summary = "done"
    otel_insights.record_event("beside")
print(run.id)
"""


async def test_a_block_is_a_run_with_a_root_span_and_its_two_events(world):
    outcome = await world.run(TRACKED)
    assert (outcome.code, outcome.err) == (0, "")
    id_ = outcome.out.strip()
    events = {one.name: one for one in outcome.events}
    start, read, end = events["run.start"], events["page.read"], events["run.end"]
    assert {one.attributes["otel_insights.run.id"] for one in (start, read, end)} == {id_}
    assert start.attributes["otel_insights.run.agent"] == "crawler"
    assert start.attributes["otel_insights.run.product"] == "shop"
    assert read.attributes["pages"] == 3
    assert (end.severity, end.attributes["otel_insights.run.status"]) == ("INFO", "success")
    assert end.attributes["otel_insights.run.items.discovered"] == 5
    assert "otel_insights.run.items.skipped" not in end.attributes, "there are no -1 items"
    assert end.attributes["otel_insights.run.metric.cost"] == 0.25
    (span,) = outcome.spans
    assert (span.name, span.attributes["otel_insights.run.id"]) == ("run crawler nightly", id_)
    assert {(one.trace_id, one.span_id) for one in (start, read, end, events["beside"])} == {
        (span.trace_id, span.span_id)
    }


FAILED = """
import otel_insights
SETUP
with otel_insights.track_run("crawler") as run:
    raise ValueError("no page")
"""


async def test_what_leaves_the_block_marks_the_run_failed_is_reported_once_and_goes_on(world):
    outcome, _ = await world.both(FAILED)
    assert outcome.code == 1
    (end,) = [one for one in outcome.events if one.name == "run.end"]
    assert (end.severity, end.attributes["otel_insights.run.status"]) == ("ERROR", "failed")
    assert end.attributes["otel_insights.run.error_summary"] == "ValueError: no page"
    assert "raise ValueError" in end.attributes["otel_insights.run.error_details"]
    (exception,) = outcome.exceptions
    assert (exception.trace_id, exception.span_id) == (end.trace_id, end.span_id)


OTHERS = """
import asyncio, threading, otel_insights
SETUP
async def one(name):
    with otel_insights.track_run(name) as run:
        await asyncio.sleep(0)
        otel_insights.record_event("inside", {"of": name})
async def all_(): await asyncio.gather(*map(one, "abc"))
asyncio.run(all_())
def threaded():
    with otel_insights.track_run("outer"):
        with otel_insights.track_run("inner"): otel_insights.record_event("inside", {"of": "inner"})
        otel_insights.record_event("inside", {"of": "outer"})
thread = threading.Thread(target=threaded); thread.start(); thread.join()
try:
    with otel_insights.track_run("stopped"): raise KeyboardInterrupt
except KeyboardInterrupt: pass
with otel_insights.track_run("given") as run: run.status = "partial"
with otel_insights.track_run("odd") as run: run.status = "splendid"
"""


async def test_runs_are_told_apart_in_tasks_and_threads_and_within_each_other(world):
    outcome = await world.run(OTHERS, env={"OTEL_INSIGHTS_STRICT": "0"})
    ended = {one.attributes["otel_insights.run.agent"]: one for one in outcome.events if one.name == "run.end"}
    for inside in (one for one in outcome.events if one.name == "inside"):
        assert inside.span_id == ended[inside.attributes["of"]].span_id
    assert len({one.trace_id for one in ended.values()}) == len(ended), "each is the root of a trace"
    statuses = {agent: one.attributes["otel_insights.run.status"] for agent, one in ended.items()}
    assert statuses == dict.fromkeys(["a", "b", "c", "inner", "outer"], "success") | {
        "stopped": "cancelled",
        "given": "partial",
        "odd": "failed",
    }


EXPLICIT = """
import otel_insights
SETUP
id_ = otel_insights.start_run("crawler", "nightly", git_branch="main", max_duration=60, attributes={"shard": 7})
otel_insights.log_event(id_, "page.read")
otel_insights.end_run(id_, "partial", items_succeeded=2, error_summary="half", metrics={"api_key": "hunter2hunter2"})
otel_insights.end_run(id_)
print(id_, *otel_insights.associate_commit(id_, "0c9e4a1b", "llm", "someone"))
print(*otel_insights.associate_commit(id_, "no hash"))
"""


async def test_a_run_may_be_begun_and_ended_by_its_id_once_and_have_a_commit(world):
    outcome = await world.run(EXPLICIT, env={"OTEL_INSIGHTS_STRICT": "0"})
    (id_, said), refused = outcome.out.splitlines()[0].split(" ", 1), outcome.out.splitlines()[1]
    assert said == f"True commit 0c9e4a1b belongs to run {id_}"
    assert refused == "False commit_hash: expected 7 to 64 hexadecimal digits, got 'no hash'"
    start, end, commit = (
        [one for one in outcome.events if one.name == name] for name in ("run.start", "run.end", "run.commit")
    )
    assert [len(start), len(end), len(commit)] == [1, 1, 1]
    assert start[0].attributes["shard"] == 7
    assert start[0].attributes["vcs.ref.head.name"] == "main"
    assert "hunter2" not in str(end)
    assert commit[0].attributes["otel_insights.run.commit.source"] == "llm"


async def test_what_an_application_tells_of_a_run_is_what_the_server_keeps(world, host):
    outcome = await world.run(EXPLICIT)
    id_ = outcome.out.split()[0]
    keeping = build(processor.FACTORY)
    await keeping.start(host)
    for payload in world.sink.got:
        if payload.signal is Signal.LOGS:
            await passing([keeping], payload, Sink())
    kept = await host.store.read(runs.get, id_)
    assert kept is not None
    assert (kept.agent_name, kept.status, kept.items_succeeded) == ("crawler", "partial", 2)
    assert kept.git_commit_hash == "0c9e4a1b"
    assert json.loads(kept.context_json)["shard"] == 7


WITHOUT = """
import otel_insights
with otel_insights.track_run("crawler") as run: run.log_event("x"); run.set_metrics(a=1)
otel_insights.end_run(otel_insights.start_run("crawler"))
print(otel_insights.associate_commit("r", "0c9e4a1b")[0])
"""


async def test_without_instrument_nothing_happens(world):
    outcome = await world.run(WITHOUT)
    assert (outcome.code, outcome.out, outcome.err, outcome.events) == (0, "False\n", "", [])


FORKED = """
import os, sys, otel_insights
SETUP
with otel_insights.track_run("crawler") as run:
    if os.fork() == 0: sys.exit(0)
    os.wait()
"""


async def test_a_child_forked_within_a_run_does_not_end_it(world):
    outcome = await world.run(FORKED)
    assert len([one for one in outcome.events if one.name == "run.end"]) == 1


async def test_with_nobody_listening_a_run_waits_for_nothing(world):
    program = """
import otel_insights
SETUP
for _ in range(200):
    id_ = otel_insights.start_run("crawler")
    otel_insights.log_event(id_, "x")
    otel_insights.end_run(id_)
print(otel_insights.flush(0.01))
"""
    outcome = await world.run(program, env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})
    assert (outcome.code, outcome.out, outcome.err) == (0, "False\n", "")

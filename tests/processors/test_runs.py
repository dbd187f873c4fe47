"""The processor `runs`: what applications tell of their runs, in any order, once; and what is heard of no more."""

import json

import pytest
from otlp_samples import T0, Sink, build, log, logs, passing, resource, values

from otel_insights import own_metrics, semconv
from otel_insights.processors.runs import FACTORY
from otel_insights.store import outbox, runs
from otel_insights.store.corrections import WrongCorrection

SECOND = 10**9
OF = resource("i-1", "importer", "shop")


def start(run: str = "r-1", at: int = 0, **more):
    told = {
        semconv.RUN_ID: run, semconv.RUN_AGENT: "crawler", semconv.RUN_JOB_TYPE: "nightly",
        semconv.RUN_MAX_DURATION: 60.0, **more,
    }  # fmt: skip
    return timed(log("", told, event="run.start", trace_id=b"\x01" * 16, span_id=b"\x02" * 8), at)


def end(run: str = "r-1", at: int = 30, status: str = "success", **more):
    told = {
        semconv.RUN_ID: run, semconv.RUN_AGENT: "crawler", semconv.RUN_JOB_TYPE: "nightly",
        semconv.RUN_STATUS: status, semconv.RUN_DURATION: 30.0, f"{semconv.RUN_ITEMS}.succeeded": 7,
        f"{semconv.RUN_METRIC}.pages": 3.5, semconv.RUN_OUTPUT_SUMMARY: "seven", **more,
    }  # fmt: skip
    return timed(log("", told, event="run.end"), at)


def timed(record, at: int):
    record.time_unix_nano = T0 + at * SECOND
    return record


@pytest.fixture
async def processor(host):
    made = build(FACTORY)
    await made.start(host)
    return made


async def tell(processor, *records) -> None:
    payload = logs(*records, of=OF)
    before, sink = payload.data, Sink()
    await passing([processor], payload, sink)
    assert sink.got[0].data == before


async def known(host, run: str = "r-1") -> runs.Run:
    found = await host.store.read(runs.get, run)
    assert found
    return found


async def test_a_run_is_kept_with_all_that_is_told_of_it(host, processor):
    await tell(processor, start(branch="main", **{semconv.RUN_INPUT_SUMMARY: "a list"}))
    begun = await known(host)
    assert (begun.status, begun.end_ns, begun.due_ns) == ("running", None, T0 + 60 * SECOND)
    await tell(processor, log("other", {semconv.RUN_ID: "r-1"}, event="page.fetched"), end())
    run = await known(host)
    assert (run.agent_name, run.job_type, run.status) == ("crawler", "nightly", "success")
    assert (run.start_ns, run.end_ns, run.duration_ms) == (T0, T0 + 30 * SECOND, 30_000)
    assert (run.namespace, run.service, run.instance) == ("shop", "importer", "i-1")
    assert (run.trace_id, run.span_id) == (b"\x01" * 16, b"\x02" * 8)
    assert (run.items_succeeded, run.items_failed, run.output_summary) == (7, None, "seven")
    assert json.loads(run.metrics_json) == {"pages": 3.5}
    assert json.loads(run.context_json) == {"branch": "main"}
    assert run.input_summary == "a list"


async def test_the_order_of_events_and_repeats_change_nothing(host, processor):
    commit = log("", {semconv.RUN_ID: "r-2", semconv.VCS_REVISION: "abc", semconv.RUN_COMMIT_SOURCE: "ci"})
    commit.event_name = "run.commit"
    await tell(processor, start(), end(), log("", {semconv.RUN_ID: "r-1", semconv.VCS_REVISION: "abc",
        semconv.RUN_COMMIT_SOURCE: "ci"}, event="run.commit"))  # fmt: skip
    for records in ([commit, end("r-2")], [start("r-2")], [end("r-2"), commit]):
        await tell(processor, *records)
    one, two = await known(host), await known(host, "r-2")
    ours = {"id", "event_id", "created_ns", "updated_ns"}
    assert {name: getattr(one, name) for name in runs.COLUMNS if name not in ours} == {
        name: getattr(two, name) for name in runs.COLUMNS if name not in ours
    }
    assert two.git_commit_hash == "abc"
    assert len(await host.store.read(runs.page, runs.Wanted(), 10)) == 2


async def test_a_run_that_does_not_end_in_time_is_cancelled_and_told_once(host, processor):
    await tell(processor, start(), start("r-2", **{semconv.RUN_MAX_DURATION: 600.0}))
    host.now = T0 + 61 * SECOND
    await processor.analyse()
    await processor.analyse()
    run = await known(host)
    assert (run.status, run.end_ns, run.stale_ns) == ("cancelled", host.now, host.now)
    assert run.error_summary == "stale: nothing was heard of its end within 60 s"
    assert (await known(host, "r-2")).status == "running"
    sink = Sink()
    (waiting,) = await host.store.read(outbox.waiting)
    record = type(log()).FromString(waiting.record)
    assert record.event_name == semconv.RUN_STALE
    assert record.trace_id == b"\x01" * 16
    assert values(record.attributes)[semconv.RUN_AGENT] == "crawler"
    assert not sink.got


async def test_an_end_that_comes_after_all_holds(host, processor):
    await tell(processor, start())
    host.now = T0 + 61 * SECOND
    await processor.analyse()
    await tell(processor, end(at=100))
    run = await known(host)
    assert (run.status, run.stale_ns, run.error_summary, run.end_ns) == ("success", None, None, T0 + 100 * SECOND)


async def test_what_a_person_set_is_not_changed_back(host, processor):
    await tell(processor, start(), end(status="failed", **{semconv.RUN_ERROR_SUMMARY: "boom"}))
    await host.store.write(runs.edit, "r-1", {"status": "partial", "items_failed": 2}, host.now)
    await tell(processor, end(status="failed", **{f"{semconv.RUN_ITEMS}.failed": 9}))
    run = await known(host)
    assert (run.status, run.items_failed, run.error_summary) == ("partial", 2, "boom")
    edits = await host.store.read(runs.edits, "r-1")
    assert [(one.field, one.before, one.after) for one in edits] == [
        ("status", "failed", "partial"),
        ("items_failed", None, "2"),
    ]


@pytest.mark.parametrize(
    ("run", "changes", "expected"),
    [("r-9", {"status": "success"}, "there is no run"), ("r-1", {"agent_name": "x"}, "expected some of")],
)
async def test_what_cannot_be_edited_is_refused(host, processor, run, changes, expected):
    await tell(processor, start())
    with pytest.raises(WrongCorrection, match=expected):
        await host.store.write(runs.edit, run, changes, host.now)


async def test_wild_values_are_bounded_or_left_out(host, processor):
    wild = {
        semconv.RUN_STATUS: "exploded", semconv.RUN_DURATION: -1.0, f"{semconv.RUN_ITEMS}.failed": -3,
        semconv.RUN_ERROR_SUMMARY: "x" * 9000, semconv.RUN_ERROR_DETAILS: "a" * 9000 + "end",
        f"{semconv.RUN_METRIC}.much": "y" * 100_000,
    }  # fmt: skip
    await tell(processor, start(**{semconv.RUN_MAX_DURATION: -5.0}), end(**wild), start("x" * 500), start(""))
    run = await known(host)
    assert run.status == "failed"
    assert (run.duration_ms, run.items_failed, len(run.error_summary)) == (None, None, 500)
    assert (len(run.error_details), run.error_details[-3:]) == (5000, "end")
    assert run.due_ns == T0 + 3600 * SECOND
    assert "left_out" in run.metrics_json
    assert len(await host.store.read(runs.page, runs.Wanted(), 10)) == 1


async def test_runs_are_found_by_agent_status_kind_and_time_page_by_page(host, processor):
    for number in range(6):
        host.now = T0 + number
        agent = {semconv.RUN_AGENT: "even" if number % 2 == 0 else "odd"}
        await tell(processor, start(f"r-{number}", **agent), *([end(f"r-{number}", **agent)] if number < 3 else []))

    async def ids(most: int = 10, **wanted) -> list[str]:
        found = await host.store.read(runs.page, runs.Wanted(**wanted), most)
        return [one.event_id for one in found]

    assert await ids() == ["r-5", "r-4", "r-3", "r-2", "r-1", "r-0"]
    assert await ids(agent_name="even") == ["r-4", "r-2", "r-0"]
    assert await ids(agent_name="odd", status="running") == ["r-5", "r-3"]
    assert await ids(created_before_ns=T0 + 2) == ["r-1", "r-0"]
    assert await ids(not_job_type="nightly") == []
    last = (await host.store.read(runs.page, runs.Wanted(), 2))[-1]
    assert await ids(2, before_id=last.id) == ["r-3", "r-2"]


async def test_old_runs_and_those_beyond_the_number_are_dropped(host):
    processor = build(FACTORY, retention="1h", max_runs=2)
    await processor.start(host)
    await tell(processor, start("old"))
    host.now = T0 + 3601 * SECOND
    for number in range(3):
        await tell(processor, start(f"r-{number}", at=3600))
    await processor.analyse()
    assert [one.event_id for one in await host.store.read(runs.page, runs.Wanted(), 10)] == ["r-2", "r-1"]


async def test_metrics_tell_how_runs_end_and_how_many_items_they_had(host, processor):
    await tell(processor, start(), end(), start("r-2"), end("r-2", status="failed"), start("r-3"))
    families = {one.name: one for one in await host.store.read(own_metrics.found)}
    counts = {labels[semconv.RUN_STATUS]: count for labels, count in families[semconv.RUNS].points}
    assert counts == {"success": 1, "failed": 1, "running": 1}
    items = {labels[semconv.RUN_ITEM_RESULT]: count for labels, count in families[semconv.RUN_ITEM_COUNT].points}
    assert items == {"discovered": 0, "succeeded": 14, "failed": 0, "skipped": 0}

"""Metrics, operations, sampled events, sessions and errors as text, against a real receiver."""

from pathlib import Path

import pytest
from otlp_samples import values

from otel_insights.client.revision import revision
from otel_insights.client.settings import settings
from otel_insights.payload import Signal

MEASURED = """
import otel_insights
SETUP
for rows in (1, 2): otel_insights.record_metric("rows", rows, {"table": "a"}, kind="counter", unit="{row}")
otel_insights.record_metric("depth", 3.5)
otel_insights.record_metric("depth", 4.5)
for seconds in (0.1, 0.2): otel_insights.record_metric("took", seconds, kind="histogram", unit="s")
otel_insights.record_metric("mode", "eager", {"token": "hunter2hunter2"})
"""


def metrics(world) -> dict:
    return {
        metric.name: (metric, values(part.resource.attributes))
        for payload in world.sink.got
        if payload.signal is Signal.METRICS
        for part in payload.message().resource_metrics
        for scope in part.scope_metrics
        for metric in scope.metrics
    }


async def test_numbers_become_metrics_and_texts_events(world):
    outcome = await world.run(MEASURED)
    assert (outcome.code, outcome.err) == (0, "")
    got = metrics(world)
    rows, resource = got["rows"]
    assert resource["service.name"] == "shop"
    (point,) = rows.sum.data_points
    assert (point.as_int, rows.unit, rows.sum.is_monotonic, values(point.attributes)) == (
        3,
        "{row}",
        True,
        {"table": "a"},
    )
    assert got["depth"][0].gauge.data_points[0].as_double == 4.5
    assert got["took"][0].histogram.data_points[0].count == 2
    (mode,) = [one for one in outcome.events if one.name == "mode"]
    assert mode.attributes["value"] == "eager"
    assert "hunter2" not in str(mode)


THEIRS = """
import otel_insights
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
SETUP
otel_insights.record_metric("depth", 3)
print([m.name for r in reader.get_metrics_data().resource_metrics for s in r.scope_metrics for m in s.metrics])
"""


async def test_a_meter_provider_of_the_application_gets_them(world):
    outcome = await world.run(THEIRS)
    assert (outcome.out, outcome.err) == ("['depth']\n", "")
    assert metrics(world) == {}


OPERATED = """
import asyncio, otel_insights
from otel_insights import operation
SETUP
with operation("query.executed", db_type="chroma") as told:
    told.set(result_count=5)
    otel_insights.record_event("inside")
@operation("load")
def load(): raise ValueError("no file")
@operation("fetch")
async def fetch(): return 1
@operation("read")
def read(): yield 1
try: load()
except ValueError as error: otel_insights.record_exception(error)
print(asyncio.run(fetch()), list(read()))
"""


async def test_an_operation_is_a_span_and_a_duration_and_tells_its_error(world):
    outcome = await world.run(OPERATED)
    assert (outcome.code, outcome.out, outcome.err) == (0, "1 [1]\n", "")
    spans = {one.name: one for one in outcome.spans}
    assert spans.keys() == {"query.executed", "load", "fetch", "read"}
    query = spans["query.executed"]
    assert (query.attributes["db_type"], query.attributes["result_count"]) == ("chroma", 5)
    (inside,) = [one for one in outcome.events if one.name == "inside"]
    assert inside.span_id == query.span_id
    assert spans["load"].attributes["error.type"] == "ValueError"
    (exception,) = outcome.exceptions
    assert exception.span_id == spans["load"].span_id
    points = metrics(world)["otel_insights.operation.duration"][0].histogram.data_points
    told = {
        values(one.attributes)["otel_insights.operation.name"]: values(one.attributes).get("error.type")
        for one in points
    }
    assert told == {"query.executed": None, "load": "ValueError", "fetch": None, "read": None}


FOREIGN = """
import otel_insights
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
kept = InMemorySpanExporter()
provider = TracerProvider(); provider.add_span_processor(SimpleSpanProcessor(kept))
trace.set_tracer_provider(provider)
SETUP
try:
    with otel_insights.operation("load"): raise ValueError("password=hunter2hunter2")
except ValueError: pass
(span,) = kept.get_finished_spans()
told = dict(span.events[0].attributes)
print(span.events[0].name, told["exception.message"], "hunter2" in str(told))
"""


async def test_what_leaves_an_operation_is_clean_on_a_span_that_the_application_exports(world):
    outcome = await world.run(FOREIGN)
    assert outcome.err == ""
    assert outcome.out == "exception password=[redacted] False\n"


SAMPLED = """
import random, otel_insights
random.seed(3)
otel_insights.instrument(service_name="shop", sampling={"ui.*": 0.1})
for _ in range(500): otel_insights.record_event("ui.moved")
for _ in range(100): otel_insights.record_event("seldom", sampling_rate=0.5)
id_ = otel_insights.record_event("always", {"event_name": "refused"})
frame = 'File "a.py", line 1, in f'
otel_insights.send_error_event("no key", f"Traceback (most recent call last):\\n  {frame}\\nKeyError: 'no key'")
print(id_)
"""


async def test_a_share_of_what_happens_often_is_kept_and_tells_its_rate_and_errors_are_kept_whole(world):
    outcome = await world.run(SAMPLED, env={"OTEL_INSIGHTS_STRICT": "0"})
    assert outcome.err == ""
    moved = [one for one in outcome.events if one.name == "ui.moved"]
    assert 20 < len(moved) < 100
    assert {one.attributes["sampling.rate"] for one in moved} == {0.1}
    assert {one.attributes["sampling.rate"] for one in outcome.events if one.name == "seldom"} == {0.5}
    (always,) = [one for one in outcome.events if one.name == "always"]
    assert always.attributes == {"log.record.uid": outcome.out.strip()}
    (error,) = outcome.exceptions
    assert (error.attributes["exception.type"], error.severity) == ("KeyError", "ERROR")
    assert 'File "a.py"' in error.attributes["exception.stacktrace"]


def test_a_share_that_is_none_is_refused():
    with pytest.raises(ValueError, match="above 0 and at most 1, got 2 for 'a'"):
        settings(
            None,
            None,
            resource_attributes=None,
            endpoint=None,
            headers=None,
            stacktrace=None,
            environment_variables=None,
            packages=True,
            hash_salt=None,
            flush_timeout=2.0,
            spool=None,
            sampling={"a": 2},
        )


SESSIONS = """
import otel_insights
SETUP
one = otel_insights.start_session()
otel_insights.record_event("clicked")
try: {}[1]
except KeyError as error: otel_insights.record_exception(error)
two = otel_insights.start_session("two", {"kind": "guest"})
otel_insights.end_session()
otel_insights.record_event("after")
print(one)
"""


async def test_events_carry_the_session_that_is_open(world):
    outcome = await world.run(SESSIONS)
    one = outcome.out.strip()
    told = [
        (event.name, event.attributes.get("session.id")) for event in outcome.events if event.name != "package.info"
    ]
    assert told == [
        ("session.start", one),
        ("clicked", one),
        ("exception", one),
        ("session.start", "two"),
        ("session.end", "two"),
        ("after", None),
    ]
    second = [event for event in outcome.events if event.name == "session.start"][1]
    assert (second.attributes["session.previous_id"], second.attributes["kind"]) == (one, "guest")


COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({".git/HEAD": COMMIT}, {"vcs.ref.head.revision": COMMIT}),
        (
            {".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": f"{COMMIT}\n"},
            {"vcs.ref.head.revision": COMMIT, "vcs.ref.head.name": "main"},
        ),
        (
            {".git/HEAD": "ref: refs/heads/a/b\n", ".git/packed-refs": f"# pack\n{COMMIT} refs/heads/a/b\n"},
            {"vcs.ref.head.revision": COMMIT, "vcs.ref.head.name": "a/b"},
        ),
        (
            {
                ".git": "gitdir: real/worktrees/x\n",
                "real/worktrees/x/HEAD": "ref: refs/heads/x\n",
                "real/worktrees/x/commondir": "../..\n",
                "real/refs/heads/x": COMMIT,
            },
            {"vcs.ref.head.revision": COMMIT, "vcs.ref.head.name": "x"},
        ),
        ({".git/HEAD": "ref: refs/heads/unborn\n"}, {}),
        ({".git/HEAD": "ref: ../../../etc/passwd\n"}, {}),
    ],
)
def test_the_revision_is_read_from_a_checkout(tmp_path: Path, monkeypatch, files, expected):
    for name in ("GIT_COMMIT", "GITHUB_SHA", "CI_COMMIT_SHA", "SOURCE_COMMIT"):
        monkeypatch.delenv(name, raising=False)
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "package" / "inner").mkdir(parents=True)
    assert revision(tmp_path / "package" / "inner") == expected


def test_the_revision_that_a_build_tells_wins(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("GIT_COMMIT", COMMIT)
    assert revision(tmp_path) == {"vcs.ref.head.revision": COMMIT}


LEVELLED = """
import otel_insights
SETUP
for level in ("debug", "info", "warn", "error", "loud"):
    otel_insights.record_event("told." + level, level=level)
otel_insights.start_session()
otel_insights.record_exception(KeyError("caught"))
"""


@pytest.mark.parametrize(
    ("setup", "env", "told"),
    [
        ("otel_insights.instrument()", {}, ["info", "warn", "error", "loud"]),
        ("otel_insights.instrument(sampling={'*': 1e-9})", {"OTEL_INSIGHTS_LEVEL": "DEBUG"}, ["error"]),
        ("otel_insights.instrument(level='error')", {"OTEL_INSIGHTS_LEVEL": "debug"}, ["error"]),
        ("otel_insights.instrument()", {"OTEL_INSIGHTS_LEVEL": "debug"}, ["debug", "info", "warn", "error", "loud"]),
    ],
    ids=["usual", "errors are never sampled", "argument", "variable"],
)
async def test_events_below_the_level_that_was_chosen_are_not_sent(world, setup, env, told):
    outcome = await world.run(LEVELLED, setup=setup, env=env)
    assert (outcome.code, outcome.err) == (0, "")
    got = {one.name: one.severity for one in outcome.events if one.name.startswith("told.")}
    # what is no level counts as a plain event
    assert got == {f"told.{level}": {"loud": "INFO"}.get(level, level.upper()) for level in told}
    assert [one.name for one in outcome.events if one.name in ("session.start", "exception")] == [
        "session.start",
        "exception",
    ]

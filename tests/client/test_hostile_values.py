"""Whatever an application hands over, it is not harmed by it, and what else it tells arrives."""

import pytest

from otel_insights.client import plain

HANDED_OVER = """
import otel_insights
from opentelemetry import trace
SETUP
class Bad:
    def __repr__(self): raise RuntimeError("no")
    __str__ = __repr__
round_ = []; round_.append(round_)
values = ["caf\\udce9", 10**30, -10**5000, float("nan"), object(), [1, "a", object()], {"a": {1: Bad()}}]
values += [b"\\xff", None, Bad(), round_, [1, 2.5, None], {"": [b"x", True]}]
for n, v in enumerate(values):
    otel_insights.record_event(f"event {n}", {"it": v, "caf\\udce9": v})
    otel_insights.record_event(v, timestamp=v, sampling_rate=v)
    with otel_insights.operation(f"operation {n}", it=v) as told: told.set(it=v)
    with otel_insights.track_run(v, "job", input_summary=v, max_duration=v, attributes={"it": v}) as run:
        run.log_event("e", {"it": v}); run.set_metrics(it=v, items_succeeded=v); run.output_summary = run.status = v
    id_ = otel_insights.start_run("agent", v, run_id=v, attributes=v)
    otel_insights.log_event(id_, v, v); otel_insights.end_run(id_, v, metrics=v, error_summary=v)
    otel_insights.end_run(otel_insights.start_run("agent"), metrics={n: v, "caf\\udce9": v})
    otel_insights.associate_commit(id_, v, v, v)
    otel_insights.record_metric("hostile", v, {"it": v}); otel_insights.record_metric(v, 1, v, kind=v, unit=v)
    otel_insights.start_session(v, {"it": v}); otel_insights.end_session(v)
    otel_insights.send_error_event(v, v, v, v)
    otel_insights.record_exception(ValueError(v), event_name=v, attributes=v)
with trace.get_tracer("theirs").start_as_current_span("caf\\udce9"): pass
otel_insights.record_metric("counted", 2, kind="counter")
otel_insights.record_event("last")
print("done")
"""


async def test_what_otlp_cannot_hold_leaves_as_text_and_keeps_nothing_else_back(world):
    outcome = await world.run(HANDED_OVER, env={"OTEL_INSIGHTS_STRICT": "0"})
    assert (outcome.code, outcome.out, outcome.err) == (0, "done\n", "")
    names = [one.name for one in outcome.events]
    assert {f"event {n}" for n in range(13)} | {"last"} <= set(names)
    assert names.count("run.start") == names.count("run.end") == 39
    assert {one.name for one in outcome.spans} >= {f"operation {n}" for n in range(13)} | {"caf\\udce9"}
    events = {one.name: one.attributes for one in outcome.events}
    assert events["event 0"]["it"] == events["event 0"]["caf\\udce9"] == "caf\\udce9"
    assert events["event 1"]["it"] == str(10**30)
    assert [one.string_value for one in events["event 5"]["it"].values][:2] == ["1", "a"]
    assert [one.key for one in events["event 12"]["it"].values] == ["_"]
    assert events["event 9"]["it"] == "<Bad: repr() failed>"
    metrics = {
        metric.name
        for payload in world.sink.got
        for part in getattr(payload.message(), "resource_metrics", ())
        for scope in part.scope_metrics
        for metric in scope.metrics
    }
    assert "counted" in metrics


async def test_a_death_with_a_text_that_is_no_text_is_told(world):
    outcome, _ = await world.both("SETUP\nraise OSError('no file caf\\udce9')\n")
    (event,) = outcome.exceptions
    assert event.attributes["exception.message"] == "no file caf\\udce9"


async def test_with_nobody_listening_metrics_are_as_silent_as_events(world):
    program = """
SETUP
import otel_insights
with otel_insights.operation("query"): otel_insights.record_metric("depth", 3)
print("done")
"""
    outcome = await world.run(program, env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})
    assert (outcome.code, outcome.out, outcome.err) == (0, "done\n", "")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, 3), (3.5, 3.5), (True, 1), (2**60, float(2**60)), (float("inf"), None), ("3", None), (None, None)],
)
def test_what_is_measured_can_be_added_up(value, expected):
    found = plain.measured(value)
    assert found == expected
    assert type(found) is type(expected)


def test_numbers_of_numpy_are_numbers():
    numpy = pytest.importorskip("numpy")
    assert [type(plain.plain(one)) for one in (numpy.float32(0.5), numpy.int64(3))] == [float, int]
    assert plain.plain([numpy.float32(0.5), numpy.int64(3)]) == [0.5, 3.0]
    assert plain.measured(numpy.array(2)) == 2

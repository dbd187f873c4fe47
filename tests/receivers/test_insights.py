"""The receiver `insights`: findings leave once, in order, however often the next hop says no."""

import asyncio

from otlp_samples import FakeHost, Sink, build

from otel_insights import semconv
from otel_insights.errors import BadData, Refused
from otel_insights.findings import finding
from otel_insights.payload import Signal
from otel_insights.receivers.insights import FACTORY
from otel_insights.store import outbox


async def put(host: FakeHost, *subjects: str) -> None:
    findings = [finding(semconv.CLUSTER_CREATED, one, f"New: {one}", {}, time_ns=host.now) for one in subjects]
    await host.store.write(outbox.put, findings)


async def sent(host: FakeHost, sink: Sink, **settings) -> None:
    """Run the receiver until the outbox is empty."""
    receiver = build(FACTORY, poll_interval="1ms", max_retry_interval="2ms", **settings)
    await receiver.start(host)
    await receiver.serve({Signal.LOGS: sink})

    async def emptied() -> None:
        while await host.store.read(outbox.waiting):
            pass

    await asyncio.wait_for(emptied(), 10)
    await receiver.stop()


async def test_findings_leave_in_order_and_once(host):
    sink = Sink()
    await put(host, "a", "b")
    await sent(host, sink)
    await put(host, "b", "c")
    await sent(host, sink)
    assert [one.body.string_value for one in sink.logs()] == ["New: a", "New: b", "New: c"]
    resource = sink.got[0].message().resource_logs[0].resource
    assert {one.key: one.value.string_value for one in resource.attributes} == {
        "service.name": "otel-insights",
        "service.instance.id": host.instance_id,
    }
    assert sink.got[0].message().resource_logs[0].scope_logs[0].scope.name == "otel_insights"


async def test_refused_findings_stay_and_leave_later(host):
    sink = Sink(answers=[Refused("later"), Refused("later"), RuntimeError("a bug")])
    await put(host, "a")
    await sent(host, sink)
    assert [one.body.string_value for one in sink.logs()] == ["New: a"]


async def test_findings_that_the_next_hop_will_never_take_stay_in_the_store_with_the_reason(host, caplog):
    await put(host, "a")
    await sent(host, Sink(answers=[BadData("not today")]))
    row = await host.store.read(lambda db: db.execute("SELECT refused FROM outbox").fetchone())
    assert row == ("not today",)
    assert "not today" in caplog.text


async def test_metrics_tell_what_was_found_and_what_the_service_did(host):
    sink = Sink()
    host.metrics.add("otelcol_receiver_accepted_spans", 3, receiver="otlp_grpc")
    receiver = build(FACTORY, interval="1h")
    await receiver.start(host)
    await receiver.serve({Signal.METRICS: sink})
    await receiver.stop()  # sends once more
    (scope,) = sink.got[0].message().resource_metrics[0].scope_metrics
    metrics = {one.name: one for one in scope.metrics}
    assert metrics["otelcol_receiver_accepted_spans"].sum.data_points[0].as_double == 3
    assert metrics["otelcol_receiver_accepted_spans"].sum.is_monotonic
    assert metrics[semconv.CLUSTER_COUNT].gauge.data_points[0].as_double == 0


async def test_a_histogram_of_ours_leaves_with_a_count_for_each_bucket(host):
    sink = Sink()
    for seconds in (0.003, 0.003, 2.0, 99.0):
        host.metrics.observe("otel_insights_analysis_duration_seconds", seconds, processor="exceptions")
    receiver = build(FACTORY, interval="1h")
    await receiver.start(host)
    await receiver.serve({Signal.METRICS: sink})
    await receiver.stop()
    (scope,) = sink.got[0].message().resource_metrics[0].scope_metrics
    (point,) = next(one for one in scope.metrics if one.name.endswith("duration_seconds")).histogram.data_points
    counted = dict(zip([*point.explicit_bounds, float("inf")], point.bucket_counts, strict=True))
    assert {bound: count for bound, count in counted.items() if count} == {0.005: 2, 2.5: 1, float("inf"): 1}
    assert (point.count, point.sum) == (4, 101.006)


async def test_findings_that_left_long_ago_are_forgotten(host):
    await put(host, "old")
    await sent(host, Sink())
    host.now += 31 * 86_400 * 10**9
    await put(host, "new")
    await sent(host, Sink())
    assert await host.store.read(lambda db: db.execute("SELECT count(*) FROM outbox").fetchone()) == (1,)

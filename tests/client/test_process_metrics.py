"""What a process uses, as metrics: where it is asked for, through whichever provider there is."""

import asyncio
import gc
import sys

from opentelemetry.sdk.resources import Resource
from otlp_samples import values

from otel_insights.client.measuring import Measuring
from otel_insights.client.settings import settings
from otel_insights.payload import Signal
from otel_insights.redaction import Redactor

EVERYWHERE = {"process.cpu.time", "cpython.gc.collections", "cpython.gc.collected_objects"}
ON_LINUX = {
    *("process.memory.usage", "process.memory.virtual", "process.thread.count", "process.unix.file_descriptor.count"),
    *("process.context_switches", "process.paging.faults", "process.uptime", "cpython.gc.uncollectable_objects"),
}
THEIRS = """
import os, time
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
reader = InMemoryMetricReader()
SETUP
metrics.set_meter_provider(MeterProvider([reader]))
end, names = time.monotonic() + 30, set()
while "process.cpu.time" not in names and time.monotonic() < end:
    found = reader.get_metrics_data()
    names = {m.name for r in found.resource_metrics for s in r.scope_metrics for m in s.metrics} if found else set()
    time.sleep(0.01)
print("process.cpu.time" in names)
"""


def points(world) -> dict[str, list]:
    return {
        metric.name: list((metric.sum if metric.HasField("sum") else metric.gauge).data_points)
        for payload in world.sink.got
        if payload.signal is Signal.METRICS
        for part in payload.message().resource_metrics
        for scope in part.scope_metrics
        for metric in scope.metrics
    }


async def test_they_are_sent_once_an_interval_where_they_are_asked_for(world):
    now = [0.0]
    chosen = settings(endpoint=f"http://{world.address}", process_metrics=True)
    measuring = Measuring(chosen, Redactor(), Resource({}), lambda: now[0])
    gc.collect()
    for now[0], exports in ((59.0, 0), (60.0, 1), (119.0, 1), (120.0, 2)):
        await asyncio.to_thread(measuring.send, waited_for=False)
        assert len(world.sink.got) == exports
        assert not measuring.waiting
    got = points(world)
    assert got.keys() == EVERYWHERE | (ON_LINUX if sys.platform == "linux" else got.keys())
    assert {values(one.attributes)["cpu.mode"] for one in got["process.cpu.time"]} == {"user", "system"}
    assert sum(one.as_int for one in got["cpython.gc.collections"]) > 0
    if "process.uptime" in got:
        assert got["process.memory.virtual"][0].as_int > got["process.memory.usage"][0].as_int > 1_000_000
        assert got["process.thread.count"][0].as_int >= 1
        assert got["process.uptime"][0].as_double > 0
    measuring.shutdown()


async def test_they_go_through_the_meter_provider_that_an_application_sets_after_us(world):
    env = {"OTEL_METRIC_EXPORT_INTERVAL": "200", "OTEL_INSIGHTS_PROCESS_METRICS": "true"}
    outcome = await world.run(THEIRS, env=env)
    assert (outcome.out, outcome.err) == ("True\n", "")
    assert points(world) == {}

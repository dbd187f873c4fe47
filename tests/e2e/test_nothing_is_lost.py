"""Kills and outages under load: every span arrives, and every exception is counted exactly once."""

import time

import pytest
from e2e.app import EXCEPTIONS_A_ROUND
from e2e.arrived import span_ids
from e2e.processes import eventually
from e2e.topology import App, Collector, Insights, Stage

pytestmark = pytest.mark.e2e

KILLS = 5
OUTAGE_S = 20.0
A_FEW_REQUESTS = 10**6
"""In bytes: fewer requests than the sender has under way at once, so that all of it is offered to us."""
JUST_BEFORE = 5 * EXCEPTIONS_A_ROUND
"""Exceptions that may be counted, and answered for, between a look and the moment in which the next hop stops."""
MEMORY_OF_AN_OUTAGE = 200 * 2**20
# Retries of the Collector back off to 5 s; what waited meanwhile has to pass on a machine that others use too.
WITHIN = 120.0


@pytest.fixture
def b(stage: Stage) -> Collector:
    return stage.collector("b")


@pytest.fixture
def insights(stage: Stage, b: Collector) -> Insights:
    return stage.insights(f"http://127.0.0.1:{b.insights}")


@pytest.fixture
def a(stage: Stage, insights: Insights) -> Collector:
    return stage.collector("a", f"127.0.0.1:{insights.grpc}")


@pytest.fixture
def app(stage: Stage, a: Collector) -> App:
    return stage.app(f"http://127.0.0.1:{a.grpc}")


def test_killed_five_times_under_load_it_loses_nothing_and_counts_nothing_twice(
    app: App, a: Collector, insights: Insights, b: Collector
) -> None:
    for kill in range(KILLS):
        passing(b)
        if kill % 2:
            insights.process.kill()
        else:
            killed_between_commit_and_acknowledgement(a, insights, b)
        going_on(a)
        insights.start()
    everything_arrives_and_is_counted_once(app, a, insights, b)
    insights.process.stop()
    eventually(lambda: not insights.process.left_behind(), "no process of the killed ones is left")


def test_the_sender_is_killed_with_a_full_queue_and_nothing_is_lost_nor_counted_twice(
    app: App, a: Collector, insights: Insights, b: Collector
) -> None:
    passing(b)
    killed_between_commit_and_acknowledgement(a, insights, b)
    going_on(a)
    a.process.kill()
    a.start()
    insights.start()
    everything_arrives_and_is_counted_once(app, a, insights, b)


def test_an_outage_of_the_next_hop_reaches_the_sender_and_loses_nothing(
    app: App, a: Collector, insights: Insights, b: Collector
) -> None:
    passing(b)
    before = insights.memory()
    assert b.process.stop() == 0
    began, queue, told = time.monotonic(), a.waiting(), a.told_to_retry()
    eventually(lambda: a.waiting() > queue + 100_000, "telemetry piles up in the sender's queue", WITHIN)
    eventually(lambda: a.told_to_retry() > told, "the sender is told to try again", WITHIN)
    eventually(lambda: time.monotonic() > began + OUTAGE_S, "the outage lasts", OUTAGE_S + 1)
    assert app.process.alive()
    assert insights.memory() < before + MEMORY_OF_AN_OUTAGE
    b.start()
    everything_arrives_and_is_counted_once(app, a, insights, b)


def passing(b: Collector) -> None:
    seen = b.accepted("traces", "otlp/insights")
    eventually(lambda: b.accepted("traces", "otlp/insights") > seen, "telemetry is passing", WITHIN)


def going_on(a: Collector) -> None:
    seen = a.accepted("traces")
    eventually(lambda: a.accepted("traces") > seen + 500, "the app goes on meanwhile")


def killed_between_commit_and_acknowledgement(a: Collector, insights: Insights, b: Collector) -> None:
    """Kill it where a careless service counts twice: exceptions are counted that the next hop has not answered for."""
    # never quite empty: the sender collects for a moment what an app sends without a pause
    eventually(lambda: a.waiting() < A_FEW_REQUESTS, "little waits in the sender's queue", WITHIN)
    insights.analyse()  # counts are added up then
    counted = insights.counted()
    b.process.freeze()

    def goes_on_counting() -> bool:
        insights.analyse()
        return insights.counted() > counted + JUST_BEFORE

    try:
        eventually(goes_on_counting, "exceptions are counted", WITHIN)
        insights.process.kill()
    finally:
        b.process.thaw()


def everything_arrives_and_is_counted_once(app: App, a: Collector, insights: Insights, b: Collector) -> None:
    assert app.process.stop() == 0
    spans, logs = app.spans(), app.logs()
    assert len(spans) > 1000
    eventually(lambda: a.waiting() == 0, "the sender's queue is empty", WITHIN)
    eventually(lambda: spans <= span_ids(b.file).keys(), "every span arrives", WITHIN)
    eventually(lambda: logs <= span_ids(b.file, "logRecords").keys(), "every log record arrives", WITHIN)
    assert spans == span_ids(b.file).keys()
    assert a.dropped() == []
    insights.analyse()
    assert insights.counted() == app.exceptions()
    assert insights.logged() == len(logs)

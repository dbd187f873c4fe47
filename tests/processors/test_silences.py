"""Silence as an anomaly: real requests of metrics in, or none, and what is told of that."""

import asyncio

import pytest
from metric_samples import MINUTE, request, send, started, told
from otlp_samples import T0, build, resource

from otel_insights import semconv
from otel_insights.anomaly_listing import judge
from otel_insights.payload import Payload
from otel_insights.processors.anomalies import FACTORY
from otel_insights.store import anomalies
from otel_insights.store.corrections import WrongCorrection

QUEUES = {"metric": "queue.*", "for": "10m"}


async def heard(processor, host, minute: int, **more) -> None:
    host.now = T0 + minute * MINUTE
    await send(processor, request(minute, minute + 1, **more))


async def all_of(host) -> list[tuple[str, int, int | None, str]]:
    found = await host.store.read(anomalies.page)
    return sorted(
        (one.instance, (one.opened_ns - T0) // MINUTE, one.closed_ns and (one.closed_ns - T0) // MINUTE, one.ended)
        for one in found
        if one.detector == "absence"
    )


async def test_a_series_that_is_not_heard_of_is_an_anomaly_until_it_is(host):
    processor = await started(host, silences=[QUEUES])
    await heard(processor, host, 0)
    host.now = T0 + 9 * MINUTE
    await processor.analyse()
    assert await all_of(host) == []
    host.now = T0 + 12 * MINUTE
    await processor.analyse()
    await processor.analyse()
    (one,) = await host.store.read(anomalies.page)
    assert (one.service, one.metric, one.threshold, one.score, one.id[:2]) == ("shop", "queue.depth", 600, 1.2, "S-")
    with pytest.raises(WrongCorrection, match="`silences` are to be changed there"):
        await host.store.write(judge, one.id, "not_anomaly")
    await heard(processor, host, 15)
    assert await all_of(host) == [("i-1", 10, 15, "recovered")]
    (opened, how), (closed, at_its_end) = await told(host)
    assert (opened, closed) == (semconv.ANOMALY_OPENED, semconv.ANOMALY_CLOSED)
    assert how[semconv.ANOMALY_DETECTOR] == "absence"
    assert at_its_end[semconv.ANOMALY_OBSERVED] == 900
    await processor.stop()


async def test_points_that_come_again_or_have_no_value_break_no_silence(host):
    processor = await started(host, silences=[QUEUES])
    await heard(processor, host, 0)
    empty = request(5, 6).message()
    empty.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].flags = 1
    host.now = T0 + 5 * MINUTE
    await send(processor, Payload.of(empty), request(0, 1))
    host.now = T0 + 10 * MINUTE
    await processor.analyse()
    assert await all_of(host) == [("i-1", 10, None, "")]
    await processor.stop()


async def test_instances_may_come_and_go_where_a_service_is_to_be_heard_of(host):
    of = [resource(f"i-{number}", "shop", "demo") for number in range(2)]
    by_series = await started(host, silences=[{**QUEUES, "service": "sh*"}])
    by_service = await started(host, silences=[{**QUEUES, "by": "service"}])
    for processor in (by_series, by_service):
        for minute, each in ((0, of[0]), (8, of[1])):
            await heard(processor, host, minute, of=each)
        host.now = T0 + 11 * MINUTE
        await processor.analyse()
    assert await all_of(host) == [("i-0", 10, None, "")], "that is by series"
    host.now = T0 + 18 * MINUTE
    await by_service.analyse()
    assert [one for one in await all_of(host) if not one[0]] == [("", 18, None, "")]
    for processor in (by_series, by_service):
        await processor.stop()


async def test_what_no_setting_names_may_be_silent_and_what_is_forgotten_is_silent_no_more(host):
    processor = await started(host, silences=[{**QUEUES, "service": "other"}, {"metric": "m", "for": "10m"}])
    await heard(processor, host, 0)
    await heard(processor, host, 1, metric="m")
    host.now = T0 + 20 * MINUTE
    await processor.analyse()
    assert await all_of(host) == [("i-1", 11, None, "")]
    host.now = T0 + 8 * 1440 * MINUTE
    await processor.analyse()
    assert await all_of(host) == [("i-1", 11, 8 * 1440, "forgotten")]
    await processor.stop()


async def test_silence_goes_on_over_a_restart_and_our_own_absence_is_nobodys(host):
    first = await started(host, silences=[QUEUES])
    await heard(first, host, 0)
    await heard(first, host, 8, metric="queue.other")
    host.now = T0 + 11 * MINUTE
    await first.analyse()
    await first.stop()
    host.now = T0 + 100 * MINUTE
    second = await started(host, silences=[QUEUES])
    await second.analyse()
    assert await all_of(host) == [("i-1", 10, None, "")]
    await heard(second, host, 105)
    assert await all_of(host) == [("i-1", 10, 105, "recovered")]
    host.now = T0 + 111 * MINUTE
    await second.analyse()
    (one,) = await host.store.read(anomalies.opened)
    assert (one.metric, one.opened_ns) == ("queue.other", T0 + 110 * MINUTE), "it was known, and did not come again"
    await second.stop()
    await started(host)
    assert await host.store.read(anomalies.opened) == [], "nobody asks any more"


async def test_silence_of_everything_is_noticed_without_anything_to_wake_us(host):
    processor = await started(host, silences=[{"metric": "*", "for": "0.2s"}])
    await heard(processor, host, 0)
    host.now += MINUTE

    async def noticed() -> None:
        while not await host.store.read(anomalies.opened):
            pass

    await asyncio.wait_for(noticed(), 20)
    await processor.stop()


async def test_what_is_beyond_a_threshold_stays_so_over_a_restart(host):
    line = {"metric": "queue.depth", "above": 500.0}
    first = await started(host, thresholds=[line])
    await send(first, request(0, 2, value=lambda _: 900))
    await first.stop()
    second = await started(host, thresholds=[{**line, "above": 600.0}])
    await send(second, request(2, 3, value=lambda _: 700))
    (one,) = await host.store.read(anomalies.opened)
    assert one.opened_ns == T0
    await send(second, request(3, 4, value=lambda _: 550))
    (one,) = await host.store.read(anomalies.page)
    assert (one.ended, one.closed_ns) == ("recovered", T0 + 3 * MINUTE)


async def test_the_time_beyond_a_threshold_counts_on_over_a_restart(host):
    settings = {"thresholds": [{"metric": "queue.depth", "above": 500.0, "for": "5m"}]}
    first = await started(host, **settings)
    await send(first, request(0, 3, value=lambda _: 900))
    await first.stop()
    second = await started(host, **settings)
    await send(second, request(4, 6, value=lambda _: 900))
    (one,) = await host.store.read(anomalies.opened)
    assert one.opened_ns == T0 + 5 * MINUTE


async def test_what_was_beyond_a_threshold_that_is_gone_is_closed(host):
    first = await started(host, thresholds=[{"metric": "*", "above": 500.0}])
    await send(first, request(0, 3, value=lambda _: 900))
    await first.stop()
    await started(host)
    (one,) = await host.store.read(anomalies.page)
    assert one.ended == "restarted"


@pytest.mark.parametrize("silence", [{"metric": "m"}, {"metric": "m", "for": "0s"}, {"for": "5m"}])
def test_a_silence_that_is_none_is_refused(silence):
    with pytest.raises(ValueError, match=r"silences"):
        build(FACTORY, silences=[silence])

"""kafka, the receiver: what stands in topics is accepted before its offset is committed, and nothing is lost."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from kafka_broker import broker, committed, read, write
from next_hop import Host, soon
from otlp_samples import Sink, logs, span, spans
from pydantic import ValidationError

from otel_insights.component import Accepted, ComponentId
from otel_insights.errors import BadData, ConfigError, Refused
from otel_insights.otlp_json import encode
from otel_insights.payload import Payload, Signal
from otel_insights.receivers.kafka import FACTORY, LAG, Kafka

LONG = 40.0
"""Seconds, for joining a group among others; a test waits no longer than it has to."""
LABEL = {"receiver": "kafka"}


@pytest.fixture(scope="module")
def at() -> Iterator[str]:
    with broker() as address:
        yield address


def numbered(number: int) -> Payload:
    return spans(span(number, name=f"GET /{number}"))


def names(sink: Sink) -> list[str]:
    return [one.name for one in sink.spans()]


async def serving(at: str, topic: str, sink, host: Host | None = None, **settings) -> Kafka:
    settings = {
        "brokers": [at],
        "traces": {"topics": [topic]},
        "group_id": topic,
        "initial_offset": "earliest",
        "session_timeout": "6s",
        "retry_interval": "1ms",
        "max_retry_interval": "10ms",
        **settings,
    }
    made = FACTORY.build(ComponentId("kafka"), FACTORY.settings(**settings))
    await made.start(host or Host())
    await made.serve({Signal.TRACES: sink})
    return made


async def test_requests_are_taken_in_order_committed_and_counted_and_bad_ones_are_kept_apart(at):
    host, sink = Host(), Sink(answers=[Accepted(), Refused("not now"), Accepted(), BadData("never"), Accepted()])
    bad = b"\x0a\xff\xff\xff\xff\xff"
    write(at, "t1", numbered(1).data, numbered(2).data, bad, numbered(3).data, numbered(4).data)
    receiver = await serving(at, "t1", sink, host, dead_letter_topic="t1.dead")
    await soon(lambda: len(sink.got) == 3, within=LONG)
    await receiver.stop()
    assert names(sink) == ["GET /1", "GET /2", "GET /4"]
    assert committed(at, "t1", "t1") == 5
    assert host.counted("otelcol_receiver_accepted_spans", **LABEL) == 3
    assert host.counted("otelcol_receiver_refused_spans", **LABEL) == 1
    assert host.counted("otel_insights_dead_letters", topic="t1", **LABEL) == 2
    dead = read(at, "t1.dead", lambda found: len(found) == 2)
    first, second = sorted(dead, key=lambda one: dict(one.headers())["otel_insights.source"])
    assert (first.value(), second.value()) == (bad, numbered(3).data)
    assert dict(first.headers())["otel_insights.source"] == b"t1[0]@2"
    assert dict(second.headers())["otel_insights.error"] == b"never"
    assert host.metrics.value(LAG, topic="t1", partition="0", **LABEL) == 0


async def test_what_was_not_accepted_before_the_end_comes_again(at):
    held = asyncio.Event()

    async def full(_payload):
        held.set()
        raise Refused("not now")

    write(at, "t2", numbered(1).data, numbered(2).data)
    receiver = await serving(at, "t2", full)
    await asyncio.wait_for(held.wait(), LONG)
    await receiver.stop()
    assert committed(at, "t2", "t2") == -1
    sink = Sink()
    again = await serving(at, "t2", sink)
    await soon(lambda: len(sink.got) == 2, within=LONG)
    await again.stop()
    assert names(sink) == ["GET /1", "GET /2"]


async def test_a_member_that_waits_for_long_keeps_its_partitions(at):
    """It shows signs of life: without them, librdkafka leaves the group after `max.poll.interval.ms`."""
    refusals = 0
    sink = Sink()

    async def busy(payload):
        nonlocal refusals
        refusals += 1
        if refusals < 3:
            raise Refused("not now", retry_after=3.0)
        return await sink(payload)

    write(at, "t3", numbered(1).data, partition=0)
    write(at, "t3", numbered(2).data, partition=1)
    receiver = await serving(at, "t3", busy)
    await soon(lambda: len(sink.got) == 2, within=LONG)
    write(at, "t3", numbered(3).data)
    await soon(lambda: len(sink.got) == 3, within=LONG)
    await receiver.stop()
    assert sorted(names(sink)) == ["GET /1", "GET /2", "GET /3"]


async def test_members_share_the_partitions_and_take_over_from_each_other(at):
    one, other = Sink(), Sink()
    first = await serving(at, "t4", one)
    second = await serving(at, "t4", other)
    sent = 0

    def both_have_some() -> bool:
        nonlocal sent
        for partition in range(4):
            write(at, "t4", numbered(sent).data, partition=partition)
            sent += 1
        return bool(one.got and other.got)

    await soon(both_have_some, within=LONG)
    await first.stop()
    for partition in range(4):
        write(at, "t4", numbered(sent).data, partition=partition)
        sent += 1
    await soon(lambda: len(set(names(one) + names(other))) == sent, within=LONG)
    await second.stop()
    assert sum(committed(at, "t4", "t4", partition) for partition in range(4)) == sent


async def test_json_is_read_and_signals_that_nobody_wants_are_left_alone(at):
    sink = Sink()
    write(at, "t5", encode(numbered(1).message()))
    write(at, "t5.logs", logs().data)
    receiver = await serving(
        at, "t5", sink, traces={"topics": ["t5"], "encoding": "otlp_json"}, logs={"topics": ["t5.logs"]}
    )
    await soon(lambda: sink.got, within=LONG)
    await receiver.stop()
    assert names(sink) == ["GET /1"]
    assert committed(at, "t5", "t5.logs") == -1


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"brokers": ["kafka"]}, "expected host:port"),
        ({"brokers": []}, "at least 1"),
        ({"traces": {"topics": ["x"]}, "logs": {"topics": ["x"]}}, "named once"),
        ({"dead_letter_topic": "otlp_logs"}, "a dead_letter_topic that is not read"),
        ({"traces": {"topics": ["x"], "encoding": "jaeger"}}, "otlp_proto"),
    ],
)
def test_wrong_settings_are_told(settings, told):
    with pytest.raises(ValidationError, match=told):
        FACTORY.settings(**settings)


async def test_a_certificate_that_is_not_there_is_found_at_start(tmp_path):
    settings = FACTORY.settings(tls={"ca_file": tmp_path / "ca.pem"})
    made = FACTORY.build(ComponentId("kafka"), settings)
    with pytest.raises(ConfigError, match=r"receivers.kafka.tls.ca_file: expected a file in PEM form"):
        await made.start(Host())
    await made.stop()


async def test_nothing_is_left_running(at):
    receiver = await serving(at, "t6", Sink())
    await receiver.stop()
    assert not [one for one in threading.enumerate() if one.name.startswith(("receivers.kafka", "otel-insights-kafka"))]

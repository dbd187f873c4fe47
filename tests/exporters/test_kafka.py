"""kafka, the exporter: a request is accepted once the brokers have it, in messages that they take."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from kafka_broker import broker, read
from next_hop import Host, free_port
from otlp_samples import log, logs, span, spans

from otel_insights.component import Accepted, ComponentId
from otel_insights.errors import Refused
from otel_insights.exporters.kafka import FACTORY, Kafka
from otel_insights.otlp_json import decode
from otel_insights.payload import Payload, Signal
from otel_insights.splitting import halves

LABEL = {"exporter": "kafka"}


@pytest.fixture(scope="module")
def at() -> Iterator[str]:
    with broker() as address:
        yield address


@asynccontextmanager
async def exporting(at: str, host: Host | None = None, **settings) -> AsyncIterator[Kafka]:
    made = FACTORY.build(ComponentId("kafka"), FACTORY.settings(brokers=[at], **{"timeout": "20s", **settings}))
    await made.start(host or Host())
    try:
        yield made
    finally:
        await made.stop()


async def test_a_request_is_a_message_of_its_signals_topic(at):
    host = Host()
    async with exporting(at, host, logs={"topic": "lines", "encoding": "otlp_json"}) as exporter:
        assert await exporter.export(spans(span(1))) == Accepted()
        assert await exporter.export(logs(log("hello"))) == Accepted()
    assert read(at, "otlp_spans", bool)[0].value() == spans(span(1)).data
    assert decode(Signal.LOGS, read(at, "lines", bool)[0].value()) == logs(log("hello")).message()
    assert host.counted("otelcol_exporter_sent_spans", **LABEL) == 1


async def test_a_large_request_goes_in_pieces_and_what_is_too_large_alone_is_rejected(at):
    sent = logs(*(log(f"{number} {'x' * 700}") for number in range(40)), log("y" * 5000))
    limits = {"logs": {"topic": "pieces"}, "producer": {"max_message_bytes": 4096}}
    async with exporting(at, **limits) as exporter:
        answer = await exporter.export(sent)
    whole = bodies_of(sent)
    assert answer.rejected == 1
    assert "takes no message of" in answer.reason
    found = read(at, "pieces", lambda found: len(bodies(found)) == 40)
    assert sorted(bodies(found), key=lambda body: int(body.split()[0])) == whole[:40]
    assert max(len(one.value()) for one in found) <= 4096


def bodies(messages) -> list[str]:
    return [body for one in messages for body in bodies_of(Payload(Signal.LOGS, one.value()))]


def bodies_of(payload: Payload) -> list[str]:
    return [
        one.body.string_value
        for part in payload.message().resource_logs
        for scope in part.scope_logs
        for one in scope.log_records
    ]


async def test_brokers_that_are_not_there_are_no_fault_of_the_sender():
    host = Host()
    async with exporting(f"127.0.0.1:{free_port()}", host, timeout="1s") as exporter:
        with pytest.raises(Refused):
            await exporter.export(spans(span(1)))
    assert host.counted("otelcol_exporter_send_failed_spans", **LABEL) == 1


def test_halves_hold_everything_in_order_and_one_item_is_not_split():
    whole = spans(*(span(number, name=f"GET /{number}") for number in range(5)))
    whole = Payload(Signal.TRACES, whole.data + spans(span(5, name="GET /5")).data)
    first, second = halves(whole)
    assert (first.count, second.count) == (3, 3)
    assert len(second.message().resource_spans) == 2
    assert [
        one.name
        for payload in (first, second)
        for part in payload.message().resource_spans
        for scope in part.scope_spans
        for one in scope.spans
    ] == [f"GET /{number}" for number in range(6)]
    assert halves(spans(span(1))) is None

"""The latest log records: kept as they went on, bounded by bytes and age, asked for by what they are."""

import asyncio
import json

import pytest
from api.serving import client_of, running
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from otlp_samples import T0, FakeHost, Sink, build, log, logs, passing, resource
from typer.testing import CliRunner

from otel_insights import log_window, semconv
from otel_insights.cli import app
from otel_insights.component import ComponentId
from otel_insights.log_window import Asked
from otel_insights.processors.logs import FACTORY
from otel_insights.store import Store

SECOND = 10**9


@pytest.fixture
async def host(worker, tmp_path):
    made = FakeHost(worker=worker, store=Store.open(f"sqlite:///{tmp_path}/insights.db"), now=T0 + 100 * SECOND)
    yield made
    await made.store.close()


async def started(host, **settings):
    processor = build(FACTORY, **settings)
    await processor.start(host)
    return processor


def at(second: int, body: str, attributes=None, *, severity: int = 9) -> LogRecord:
    record = log(body, attributes, trace_id=b"t" * 16)
    record.time_unix_nano, record.severity_number = T0 + second * SECOND, severity
    return record


async def send(processor, *records, service: str = "shop", instance: str = "i-1") -> None:
    await passing([processor], logs(*records, of=resource(instance, service)), Sink())


async def asked(host, limit: int = 100, **what) -> list[str]:
    rows, _ = await host.store.read(log_window.latest, Asked(**what), limit)
    return [row["body"] for row in rows]


async def test_the_latest_come_first_with_all_that_a_person_looks_for(host):
    processor = await started(host)
    await send(processor, at(1, "took 3 s", {"user": "ann"}), at(3, "took 5 s"), at(2, "took 4 s"))
    await send(processor, at(4, "all is well", severity=13))
    (first, *rest), following = await host.store.read(log_window.latest, Asked(), 100)
    assert [row["body"] for row in rest] == ["took 5 s", "took 4 s", "took 3 s"]
    assert following is None
    assert (first["severity"], first["service"], first["template"]) == ("WARN", "shop", "all is well")
    assert first["trace_id"] == "74" * 16
    assert rest[-1]["attributes"] == {"user": "ann"}
    assert rest[-1]["template_id"] == rest[0]["template_id"]


async def test_records_are_asked_for_by_service_level_time_template_and_text(host):
    processor = await started(host)
    await send(processor, at(1, "took 3 s"), at(2, "the Card was declined", severity=17))
    await send(processor, at(3, "took 4 s"), at(4, "we are lost", severity=21), service="till")
    assert await asked(host, service="till") == ["we are lost", "took 4 s"]
    assert await asked(host, level="error") == ["we are lost", "the Card was declined"]
    assert await asked(host, since_ns=T0 + 3 * SECOND) == ["we are lost", "took 4 s"]
    assert await asked(host, text="card WAS") == ["the Card was declined"]
    rows, _ = await host.store.read(log_window.latest, Asked(service="shop", text="took"), 1)
    assert await asked(host, template=rows[0]["template_id"]) == ["took 3 s"]


async def test_pages_join_to_the_whole(host):
    processor = await started(host)
    for request in range(4):
        await send(processor, *(at(10 * request + n, f"line {request}.{n} is here") for n in range(5)))
    whole, _ = await host.store.read(log_window.latest, Asked(), 100)
    pages, cursor = [], ""
    while cursor is not None:
        part, cursor = await host.store.read(log_window.latest, Asked(), 3, cursor)
        pages += part
    assert pages == whole
    assert len(whole) == 20


async def test_what_comes_again_is_shown_once(host):
    processor = await started(host)
    await send(processor, at(1, "took 3 s"), at(2, "took 4 s"))
    await send(processor, at(1, "took 3 s"), at(2, "took 4 s"))
    await send(processor, at(2, "took 4 s"), at(3, "took 5 s"))
    assert await asked(host) == ["took 5 s", "took 4 s", "took 3 s"]


async def test_it_is_bounded_by_bytes_and_by_age(host):
    processor = await started(host, window_bytes=4096, window_age="1h")
    for number in range(100):
        await send(processor, at(number, f"line {number} is here"))
    kept = await asked(host)
    assert 10 < len(kept) < 50
    assert kept[0] == "line 99 is here"
    host.now += 3600 * SECOND + 1
    await processor.analyse()
    assert await asked(host) == []


async def test_nothing_is_kept_where_that_is_wished_and_nothing_of_ours(host):
    await send(await started(host, window_bytes=0), at(1, "took 3 s"))
    processor = await started(host)
    await send(processor, at(2, "of ours"), instance=host.instance_id)
    await send(processor, at(3, "took 4 s"))
    assert await asked(host) == ["took 4 s"]


async def test_the_command_shows_the_last_one_last(host, tmp_path):
    processor = await started(host)
    await send(processor, at(1, "took 3 s"), at(2, "we are lost", severity=17))

    async def logs_command(*words: str):
        where = ["logs", *words, "--store", f"sqlite:///{tmp_path}/insights.db"]
        return await asyncio.to_thread(CliRunner().invoke, app, where)

    lines = (await logs_command()).stdout.splitlines()
    assert lines == [
        "2023-11-14T22:13:21.000Z  INFO   shop: took 3 s",
        "2023-11-14T22:13:22.000Z  ERROR  shop: we are lost",
    ]
    found = json.loads((await logs_command("--level", "ERROR", "--json")).stdout)
    assert [row["body"] for row in found] == ["we are lost"]
    assert (await logs_command("--since", "2023-11-14T22:13:22Z")).stdout.count("\n") == 1
    for words in (("--level", "LOUD"), ("--since", "yesterday")):
        wrong = await logs_command(*words)
        assert (wrong.exit_code, "expected" in wrong.output) == (1, True)


async def test_the_api_gives_pages_and_says_what_is_wrong():
    async with running() as service, client_of(service) as client:
        mining = service.processors[ComponentId("logs")]
        await send(mining, at(1, "took 3 s"), at(2, "took 4 s"))
        first = (await client.get("/api/v1/logs", params={"limit": 1, "service": "shop"})).json()
        second = (await client.get("/api/v1/logs", params={"limit": 1, "cursor": first["next"]})).json()
        assert [row["body"] for row in first["items"] + second["items"]] == ["took 4 s", "took 3 s"]
        assert second["items"][0]["template"] == "took <*>"
        assert second["items"][0]["attributes"].get(semconv.LOG_TEMPLATE_ID) is None
        for wrong in ({"level": "LOUD"}, {"since": "yesterday"}, {"cursor": "x.y"}):
            answer = await client.get("/api/v1/logs", params=wrong)
            assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")

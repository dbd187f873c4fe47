"""Log templates on the command line and in the API, beside a service that goes on with the same store."""

import asyncio
import json

import pytest
from api.serving import client_of, running
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from otlp_samples import T0, FakeHost, Sink, build, charge, log, logs, passing, raised, resource, values
from typer.testing import CliRunner

from otel_insights import semconv
from otel_insights.cli import app
from otel_insights.component import ComponentId
from otel_insights.processors import exceptions
from otel_insights.processors.logs import FACTORY
from otel_insights.store import Store

HOUR = 3600 * 10**9
ID, TEMPLATE = semconv.LOG_TEMPLATE_ID, semconv.LOG_RECORD_TEMPLATE


@pytest.fixture
async def host(worker, tmp_path):
    made = FakeHost(worker=worker, store=Store.open(f"sqlite:///{tmp_path}/insights.db"), now=T0 + 200 * HOUR)
    yield made
    await made.store.close()


@pytest.fixture
async def processor(host):
    made = build(FACTORY)
    await made.start(host)
    return made


@pytest.fixture
def cli(tmp_path):
    async def run(*arguments: str, code: int = 0):
        where = ["--store", f"sqlite:///{tmp_path}/insights.db"]
        found = await asyncio.to_thread(CliRunner().invoke, app, ["templates", *arguments, *where])
        assert found.exit_code == code, found.output
        return found.output

    return run


def at(time_ns: int, body: str, attributes=None, *, severity: int = 9, trace: bytes = b"t" * 16) -> LogRecord:
    record = log(body, attributes, trace_id=trace, span_id=b"s" * 8)
    record.time_unix_nano, record.severity_number = T0 + time_ns, severity
    return record


async def stamps(processor, *records, service: str = "shop") -> list[dict[str, object]]:
    sink = Sink()
    await passing([processor], logs(*records, of=resource(service=service)), sink)
    return [values(one.attributes) for one in sink.logs()]


async def test_templates_are_listed_and_shown_with_what_is_known_of_them(processor, cli):
    (one, _, _) = await stamps(
        processor, at(1, "took 3 s"), at(HOUR, "took 4 s", severity=13), at(2, "all is well, thank you")
    )
    listed = json.loads(await cli("list", "--json"))
    assert [(row["template"], row["count"]) for row in listed] == [("took <*>", 2), ("all is well, thank you", 1)]
    assert "took <*>" in await cli("list", "--severity", "warn")
    assert "thank you" not in await cli("list", "--severity", "warn")
    assert "took" not in await cli("list", "--text", "THANK")
    assert await cli("list", "--state", "vanished") == "\n"
    shown = json.loads(await cli("show", one[ID], "--json"))
    assert shown["severities"] == {"INFO": 1, "WARN": 1}
    assert [each["count"] for each in shown["hours"]][-2:] == [1, 1]
    assert [(each["body"], each["trace_id"]) for each in shown["examples"]] == [
        ("took 3 s", "74" * 16),
        ("took 4 s", "74" * 16),
    ]
    assert "2 records of shop (INFO 1, WARN 1)" in await cli("show", one[ID])
    assert "there is no log template 'nothing'" in await cli("show", "nothing", code=1)


async def test_a_name_is_shown_in_place_of_the_text(processor, cli):
    (one,) = await stamps(processor, at(1, "took 3 s"))
    await cli("rename", one[ID], "Duration of orders")
    assert "shop: Duration of orders" in await cli("list")
    await stamps(processor, at(2, "took 4 s"))
    assert "called Duration of orders" in await cli("show", one[ID])


async def test_what_is_merged_counts_as_one_and_lines_to_come_too(host, processor, cli):
    one, other, third = await stamps(
        processor, at(1, "order paid"), at(2, "the bill was settled by 3 of us"), at(3, "unlike the others")
    )
    await cli("merge", one[ID], other[ID])
    await stamps(processor, at(4, "the bill was settled by 5 of us"))  # it has not heard of it yet
    await processor.analyse()
    again, _ = await stamps(processor, at(5, "the bill was settled by 7 of us"), at(6, "unlike the others"))
    assert (again[ID], again[TEMPLATE]) == (one[ID], "order paid")
    shown = json.loads(await cli("show", other[ID], "--json"))
    assert (shown["id"], shown["count"], shown["merged_from"]) == (one[ID], 4, [other[ID]])
    later = build(FACTORY)
    await later.start(host)
    (after,) = await stamps(later, at(7, "the bill was settled by 9 of us"))
    assert after[ID] == one[ID]
    assert "already" in await cli("merge", one[ID], other[ID], code=1)
    (foreign,) = await stamps(processor, at(1, "order paid"), service="till")
    assert "different services" in await cli("merge", one[ID], foreign[ID], code=1)
    assert third[ID] != one[ID]


async def test_a_pattern_makes_one_template_of_all_that_matches(processor, cli):
    before, _ = await stamps(processor, at(1, "card of ann declined: no money"), at(2, "card of ann declined: stolen"))
    await cli("pattern", "add", "card of * declined: *", "--service", "shop")
    await processor.analyse()
    one, other = await stamps(
        processor, at(3, "card of ann declined: no money"), at(4, "card of bob declined: lost on the way")
    )
    assert one[ID] == other[ID] != before[ID]
    assert one[TEMPLATE] == "card of <*> declined: <*>"
    (elsewhere,) = await stamps(processor, at(3, "card of ann declined: no money"), service="till")
    assert elsewhere[TEMPLATE] != one[TEMPLATE]
    assert "1  shop  card of * declined: *" in await cli("pattern", "list")
    await cli("pattern", "remove", "1")
    await processor.analyse()
    (again,) = await stamps(processor, at(5, "card of ann declined: no money"))
    assert again[ID] == before[ID]
    assert "there is no pattern 1" in await cli("pattern", "remove", "1", code=1)
    assert "without digits" in await cli("pattern", "add", "took 3 s", code=1)
    assert "not all stars" in await cli("pattern", "add", "**", code=1)


async def test_a_split_takes_out_what_matches_from_now_on(processor, cli):
    site = {"code.file.path": "net.py", "code.function.name": "call", "code.line.number": 12}
    one, other = await stamps(processor, at(1, "could not reach ann", site), at(2, "could not reach the bank", site))
    assert one[ID] == other[ID]
    await cli("split", one[ID], "could not reach the bank")
    await processor.analyse()
    stays, goes = await stamps(processor, at(3, "could not reach bob", site), at(4, "could not reach the bank", site))
    assert stays[ID] == one[ID]
    assert goes[TEMPLATE] == "could not reach the bank"


async def test_errors_of_several_services_that_say_the_same_are_summarised_as_one(processor, cli):
    for number, service in enumerate(["cart", "cart", "pay"]):
        line = at(number * HOUR, f"Connection to 10.0.0.{number}:5432 refused", severity=17)
        await stamps(processor, line, service=service)
    await stamps(processor, at(9, "all is well"), service="pay")
    (one,) = json.loads(await cli("summary", "--json"))
    assert one["summary"] == (
        "3 ERROR records say: Connection to <*> refused."
        " Logged by cart (2), pay (1), from 2023-11-14 22:13 to 2023-11-15 00:13."
        " 1 came within the hour from 2023-11-15 00:00 on."
    )
    assert (one["support_count"], one["services"]) == (3, {"cart": 2, "pay": 1})
    assert len(one["template_ids"]) == 2
    assert one["summary"] in await cli("summary")
    await stamps(processor, at(3 * HOUR, "connection to 10.0.0.9:5432 refused", severity=13), service="till")
    whole = json.loads(await cli("summary", one["cluster_id"], "--json"))
    assert whole["signature"] == "connection to <*> refused"
    assert (whole["support_count"], whole["services"]) == (4, {"cart": 2, "pay": 1, "till": 1})
    assert whole["explanation"] == ["Logged as ERROR (3), WARN (1)."]
    assert "Logged as ERROR (3), WARN (1).\n  connection to" in await cli("summary", one["cluster_id"])
    assert "there is no group of log templates 'x'" in await cli("summary", "x", code=1)


async def test_templates_and_a_cluster_that_rose_in_the_same_hours_lead_to_each_other(host, processor, cli, tmp_path):
    failing = build(exceptions.FACTORY)
    await failing.start(host)
    for hour in range(40):
        records = [at(hour * HOUR + n, f"served {n} of all", severity=9) for n in range(3)]
        if hour in (30, 31):
            records += [at(hour * HOUR + n, f"pool exhausted, {n} wait", severity=13) for n in range(20, 30)]
            records += [
                at(hour * HOUR + n, "failed", raised(charge, n), trace=bytes([hour, n]) * 8) for n in range(50, 54)
            ]
        await passing([failing, processor], logs(*records), Sink())
    await failing.analyse()
    await processor.analyse()
    where = ["--store", f"sqlite:///{tmp_path}/insights.db", "--json"]
    (cluster,) = json.loads((await asyncio.to_thread(CliRunner().invoke, app, ["clusters", "list", *where])).output)
    shown = await asyncio.to_thread(CliRunner().invoke, app, ["clusters", "show", cluster["id"], *where])
    rose = {one["template"]: one for one in json.loads(shown.output)["rose_with_templates"]}
    assert rose["pool exhausted, <*> wait"]["count"] == 20
    assert "served <*> of all" not in rose
    text = await cli("show", rose["pool exhausted, <*> wait"]["id"])
    assert f"rose with cluster {cluster['id']}" in text
    (alike,) = json.loads(await cli("summary", "--severity", "WARN", "--json"))
    whole = json.loads(await cli("summary", alike["cluster_id"], "--json"))
    assert whole["explanation"] == [
        "It is new in shop.",
        f"It rose with the cluster {cluster['title']} (20 in its hours, usual 0).",
    ]
    said = json.loads(
        (await asyncio.to_thread(CliRunner().invoke, app, ["clusters", "summary", cluster["id"], *where])).output
    )
    assert said["summary"].startswith(
        f"8 exceptions in 1 environment: {cluster['title']}. Raised by shop (8), from 2023-"
    )
    assert "It rose with the log line pool exhausted, <*> wait (20 in its hours, usual 0)." in said["explanation"]
    assert said["sample_messages"] == ["ValueError: no card can be charged 50 cents"]


async def test_the_api_lists_and_shows_templates_and_summaries():
    async with running() as service, client_of(service) as client:
        one, *_ = await stamps(
            service.processors[ComponentId("logs")],
            at(1, "took 3 s"),
            at(2, "all is well"),
            at(3, "we are lost", severity=17),
        )
        first = (await client.get("/api/v1/templates", params={"limit": 2})).json()
        second = (await client.get("/api/v1/templates", params={"limit": 2, "cursor": first["next"]})).json()
        assert second["next"] is None
        assert {row["template"] for row in first["items"] + second["items"]} == {
            "took <*>",
            "all is well",
            "we are lost",
        }
        (row,) = (await client.get("/api/v1/templates", params={"text": "took", "service": "shop"})).json()["items"]
        assert (row["id"], row["state"], row["examples"]) == (one[ID], "ongoing", ["took 3 s"])
        shown = (await client.get(f"/api/v1/templates/{one[ID]}")).json()
        assert shown["examples"][0]["trace_id"] == "74" * 16
        (summary,) = (await client.get("/api/v1/log-clusters")).json()["items"]
        assert summary["summary"].startswith("1 ERROR record says: we are lost.")
        alike = (await client.get(f"/api/v1/log-clusters/{summary['cluster_id']}")).json()
        assert (alike["summary"], alike["explanation"]) == (summary["summary"].replace(" ERROR", ""), [])
        for unknown, code in (("log-clusters/x", "LOG_CLUSTER"), ("clusters/x/summary", "CLUSTER")):
            lost = await client.get(f"/api/v1/{unknown}")
            assert (lost.status_code, lost.json()["code"]) == (404, f"UNKNOWN_{code}")
        missing = await client.get("/api/v1/templates/nothing")
        assert (missing.status_code, missing.json()["code"]) == (404, "UNKNOWN_TEMPLATE")

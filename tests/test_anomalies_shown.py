"""Anomalies and incidents on the command line and in the API, found in points that really pass."""

import asyncio
import json
import random
from contextlib import asynccontextmanager

import pytest
from api.serving import client_of, running
from otlp_samples import (
    MINUTE,
    T0,
    FakeHost,
    Sink,
    build,
    charge,
    gauge,
    logs,
    package,
    passing,
    raised,
    resource,
    span,
    spans,
)
from typer.testing import CliRunner

from otel_insights.cli import app
from otel_insights.payload import Payload, Signal
from otel_insights.processors import anomalies, environments, exceptions
from otel_insights.store import Store
from otel_insights.store import anomalies as memory

QUIET = 400
"""Minutes of ordinary points before anything happens."""
HAPPENS = T0 + QUIET * MINUTE


def history(seed: int = 1, *, rises: bool = True) -> dict[int, float]:
    dice = random.Random(seed)
    known = {minute: 100 + dice.gauss(0, 3) for minute in range(QUIET + 30)}
    return known | {minute: 310.0 for minute in range(QUIET, QUIET + 3) if rises}


async def fed(host, *payloads: Payload) -> None:
    processors = [build(one.FACTORY) for one in (environments, exceptions, anomalies)]
    for one in processors:
        await one.start(host)
    for payload in payloads:
        await passing(processors[: 3 if payload.signal is Signal.METRICS else 2], payload, Sink())
    for one in processors:
        await one.analyse()
        await one.stop()


@pytest.fixture
async def host(worker, tmp_path):
    made = FakeHost(worker=worker, store=Store.open(f"sqlite:///{tmp_path}/insights.db"), now=HAPPENS + 40 * MINUTE)
    yield made
    await made.store.close()


@pytest.fixture
def cli(tmp_path):
    async def run(*arguments: str, code: int = 0):
        where = ["--store", f"sqlite:///{tmp_path}/insights.db"]
        found = await asyncio.to_thread(CliRunner().invoke, app, ["anomalies", *arguments, *where])
        assert found.exit_code == code, found.output
        return found.output

    return run


@asynccontextmanager
async def client_beside(folder):
    async with (
        running("{requests_per_second: 0}", f"sqlite:///{folder}/insights.db") as service,
        client_of(service) as client,
    ):
        yield client


async def test_anomaly_is_listed_and_shown_with_what_was_expected(host, cli):
    await fed(host, gauge(history()), gauge(history(2, rises=False), name="calm"))
    (one,) = json.loads(await cli("list", "--json"))
    assert (one["metric"], one["service"], one["direction"], one["observed"]) == ("queue.depth", "shop", "up", 310)
    assert 20 < one["lower"] < one["expected"] < one["upper"] < 310
    assert one["peak_score"] > 1
    assert "queue.depth of shop rose to 310" in await cli("list")
    assert f"expected {one['expected']:.4g}" in await cli("show", one["id"])
    assert await cli("list", "--metric", "calm") == await cli("list", "--open") == "\n"
    assert (await cli("list", "--since", "1h")) == "\n"
    assert one["id"] in await cli("list", "--since", "2023-01-01", "--service", "shop")
    assert "expected a time" in await cli("list", "--since", "yesterday", code=1)
    assert await cli("show", "A-0", code=1) == "there is no anomaly 'A-0'\n"


async def test_what_a_person_calls_no_anomaly_is_not_told_of_that_series_again_after_a_restart(host, cli):
    await fed(host, gauge(history()))
    (one,) = json.loads(await cli("list", "--json"))
    assert "the threshold of this series is 1.5 times" in await cli("feedback", one["id"], "not-anomaly")
    assert await host.store.read(memory.factors) != {}
    assert "(called no anomaly)" in await cli("list")
    assert json.loads(await cli("incidents", "--json")) == []
    assert "is 1 times" in await cli("feedback", one["id"], "anomaly")
    assert await host.store.read(memory.factors) == {}


async def test_incident_tells_of_the_version_and_the_exceptions_that_came_up_then(host, cli):
    def of(instance: str, version: str):
        return resource(instance, service__version=version)

    now, host.now = host.now, T0
    await fed(host, logs(package("numpy", "1.26"), of=of("i-1", "1.8.2")))
    host.now = HAPPENS - 2 * MINUTE
    failing = span(QUIET * 60, raised(charge, 3))
    failing.events[0].time_unix_nano = HAPPENS + 1
    await fed(host, spans(failing, of=of("i-2", "1.8.3")), logs(package("numpy", "2.0"), of=of("i-2", "1.8.3")))
    host.now = now
    await fed(host, gauge(history(), of=of("i-2", "1.8.3")), gauge(history(2), name="other", of=of("i-2", "1.8.3")))
    (one,) = json.loads(await cli("incidents", "--json"))
    assert len(one["anomalies"]) == 2
    assert [(each["key"], each["before"], each["after"]) for each in one["changes"]] == [
        ("service.version", "1.8.2", "1.8.3"),
        ("package.numpy", "1.26", "2.0"),
    ]
    (cluster,) = one["clusters"]
    assert (cluster["state"], cluster["same_instances"]) == ("new", True)
    text = await cli("incidents")
    assert "2 minutes after service.version 1.8.3" in text
    assert f"cluster {cluster['id']}" in text
    assert "on the same instances" in text
    assert json.loads(await cli("incidents", "--service", "cart", "--json")) == []


async def test_the_api_tells_the_same(host, tmp_path):
    await fed(host, gauge(history()), gauge(history(2), name="other"))
    async with client_beside(tmp_path) as client:
        first = (await client.get("/api/v1/anomalies?limit=1")).json()
        rest = (await client.get(f"/api/v1/anomalies?limit=1&cursor={first['next']}")).json()
        ids = [one["id"] for one in first["items"] + rest["items"]]
        assert (len(set(ids)), rest["next"]) == (2, None)
        shown = (await client.get(f"/api/v1/anomalies/{ids[0]}")).json()
        assert shown == first["items"][0] | {"rose_with_templates": []}
        (incident,) = (await client.get("/api/v1/incidents")).json()["items"]
        assert {one["id"] for one in incident["anomalies"]} == set(ids)
        assert (await client.get("/api/v1/anomalies?open=true")).json()["items"] == []
        said = {"verdict": "not_anomaly"}
        assert (await client.post(f"/api/v1/anomalies/{ids[0]}/feedback", json=said)).json()["status"] == "noted"
        assert (await client.get(f"/api/v1/anomalies/{ids[0]}")).json()["verdict"] == "not_anomaly"
        for asked in ("A-0", "A-0/feedback"):
            answer = await (client.post(f"/api/v1/anomalies/{asked}", json=said) if "/" in asked else
                            client.get(f"/api/v1/anomalies/{asked}"))  # fmt: skip
            assert (answer.status_code, answer.json()["code"]) == (404, "UNKNOWN_ANOMALY")
        for wrong in ("since=soon", "cursor=A-0", "limit=0"):
            assert (await client.get(f"/api/v1/anomalies?{wrong}")).status_code == 422


async def test_rows_40_and_41_records_of_anomalies_have_their_old_fields(host, tmp_path):
    await fed(host, gauge(history()), gauge(history(2), name="other"))
    async with client_beside(tmp_path) as client:
        asked = {"service": "shop", "metric": "queue.depth", "since": "2023-01-01T00:00:00Z"}
        (one,) = (await client.get("/anomalies", params=asked)).json()
        assert set(one) == {"id", "service", "metric", "window", "score", "threshold", "ts", "model_version"}
        assert one["window"].startswith(f"{one['ts']}/2023-")
        assert (await client.get("/anomalies", params=asked | {"service": "cart"})).json() == []
        counted = (await client.get("/metrics")).text
        assert 'otel_insights_anomalies_total{otel_insights_anomaly_metric="other",service_name="shop"} 1.0' in counted

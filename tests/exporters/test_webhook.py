"""Alerts by webhook, against a real HTTP server; time passes when a test says so."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from next_hop import Answer, http_next_hop
from otlp_samples import T0, FakeHost, build, log, logs
from pydantic import ValidationError
from typer.testing import CliRunner

from otel_insights import semconv
from otel_insights.cli import app
from otel_insights.component import Accepted
from otel_insights.exporters.webhook import FACTORY
from otel_insights.findings import finding, our_resource, our_scope
from otel_insights.payload import Payload
from otel_insights.store import Store, corrections, deliveries

SECOND = 10**9


def told(
    subject: str = "c-1",
    event: str = semconv.CLUSTER_CREATED,
    body: str = "New in shop: ValueError",
    about: str = semconv.CLUSTER_ID,
) -> Payload:
    record = finding(
        event, subject, body,
        {about: subject, semconv.SUBJECT_NAME: "shop"},
        time_ns=T0, severity="ERROR", trace_id=b"\x01" * 16,
    ).record  # fmt: skip
    payload = logs(log(), of=our_resource("us")).message()
    scope = payload.resource_logs[0].scope_logs[0]
    scope.scope.CopyFrom(our_scope())
    scope.log_records[0].ParseFromString(record)
    return Payload.of(payload)


@pytest.fixture
async def host(worker, tmp_path):
    made = FakeHost(worker=worker, store=Store.open(f"sqlite:///{tmp_path}/insights.db"))
    yield made
    await made.store.close()


@asynccontextmanager
async def webhook(host, url: str, **settings):
    made = build(FACTORY, url=f"{url}/hook?token=s3cret", **settings)
    await made.start(host)
    try:
        yield made
    finally:
        await made.stop()


async def state(host, *expected: str) -> list[deliveries.Delivery]:
    """Wait until deliveries have these states, the oldest first."""
    for _ in range(1000):
        found = (await host.store.read(deliveries.listed))[::-1]
        if [one.state for one in found] == list(expected):
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"expected {expected}, got {found}")


async def tried(host, attempts: int) -> None:
    for _ in range(1000):
        if (await host.store.read(deliveries.listed))[0].attempts == attempts:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"expected {attempts} attempts")


async def test_a_finding_is_told_with_all_that_is_known_of_it(host):
    async with http_next_hop() as hop, webhook(host, hop.url, page="https://insights.example.org/") as exporter:
        assert await exporter.export(told()) == Accepted()
        await state(host, "delivered")
        request = hop.got[0]
        assert request.path == "/hook"
        assert request.headers["content-type"] == "application/json"
        (alert,) = json.loads(request.body)["alerts"]
        assert alert.pop("id")
        assert alert == {
            "event": "cluster.created",
            "text": "New in shop: ValueError",
            "severity": "ERROR",
            "time": "2023-11-14T22:13:20.000Z",
            "trace_id": "01" * 16,
            "span_id": "",
            "url": "https://insights.example.org/clusters/c-1",
            "attributes": {semconv.CLUSTER_ID: "c-1", semconv.SUBJECT_NAME: "shop"},
        }
        assert host.metrics.value("otel_insights_alerts_delivered", exporter="webhook") == 1


async def test_a_finding_that_comes_again_is_not_told_again(host):
    async with http_next_hop() as hop, webhook(host, hop.url) as exporter:
        await exporter.export(told())
        await state(host, "delivered")
        await exporter.export(told())
        await exporter.export(told("c-2"))
        await state(host, "delivered", "delivered")
        assert len(hop.got) == 2


async def test_other_peoples_telemetry_and_unwanted_events_pass_unheard(host):
    forged = logs(log("x", {semconv.FINDING_ID: "f"}, event=semconv.CLUSTER_CREATED))
    async with http_next_hop() as hop, webhook(host, hop.url, events=["cluster.spiking"]) as exporter:
        for payload in (forged, told(), logs(log("hello"))):
            assert await exporter.export(payload) == Accepted()
        await exporter.export(told("c-3", semconv.CLUSTER_SPIKING))
        await state(host, "delivered")
        assert len(hop.got) == 1


async def test_what_may_pass_is_tried_again_after_growing_pauses_and_then_has_failed(host):
    async with http_next_hop(*[Answer(status=503)] * 4) as hop, webhook(host, hop.url) as exporter:
        await exporter.export(told())
        await tried(host, 1)
        for attempt, pause in enumerate((1, 2, 4), start=2):
            host.now += pause * SECOND - 1
            await exporter.deliver_due()
            assert len(hop.got) == attempt - 1
            host.now += 1
            await exporter.deliver_due()
            assert len(hop.got) == attempt
        (failed,) = await state(host, "failed")
        assert failed.attempts == 4
        assert "HTTP 503" in failed.trouble


async def test_a_longer_pause_is_kept_where_the_receiver_asks_for_it(host):
    asked = Answer(status=429, headers={"retry-after": "30"})
    async with http_next_hop(asked) as hop, webhook(host, hop.url) as exporter:
        await exporter.export(told())
        await tried(host, 1)
        host.now += 29 * SECOND
        await exporter.deliver_due()
        assert len(hop.got) == 1
        host.now += SECOND
        await exporter.deliver_due()
        await state(host, "delivered")


@pytest.mark.parametrize("status", [302, 400, 401, 404, 500])
async def test_what_will_not_pass_has_failed_at_once(host, status):
    answer = Answer(status=status, headers={"location": "http://127.0.0.1:1/"})
    async with http_next_hop(answer) as hop, webhook(host, hop.url) as exporter:
        await exporter.export(told())
        (failed,) = await state(host, "failed")
        assert f"HTTP {status}" in failed.trouble
        assert len(hop.got) == 1


async def test_a_receiver_that_is_down_holds_nothing_up_and_its_url_is_not_told(host):
    async with webhook(host, "http://127.0.0.1:1", retry_intervals=[]) as exporter:
        assert await exporter.export(told()) == Accepted()
        (failed,) = await state(host, "failed")
        assert "s3cret" not in failed.trouble


async def test_what_waits_is_told_in_one_message_after_a_restart(host):
    async with webhook(host, "http://127.0.0.1:1", retry_intervals=["1s"]) as exporter:
        for number in range(3):
            await exporter.export(told(f"c-{number}"))
        await tried(host, 1)
    host.now += SECOND
    async with http_next_hop() as hop, webhook(host, hop.url):
        await state(host, "delivered", "delivered", "delivered")
        assert [len(json.loads(one.body)["alerts"]) for one in hop.got] == [3]


async def test_an_archived_cluster_is_silent(host):
    await host.store.write(
        lambda db: db.execute(
            "INSERT INTO cluster (id, namespace, title, exception_type, created_ns) VALUES ('c-1', '', 't', 'T', 0)"
        )
    )
    await host.store.write(corrections.archive, "c-1", T0 + 10**18, T0)
    async with http_next_hop() as hop, webhook(host, hop.url) as exporter:
        await exporter.export(told())
        await exporter.export(told("c-2"))
        await state(host, "silenced", "delivered")
        assert len(hop.got) == 1


async def test_slack_reads_text_that_cannot_become_markup(host):
    async with (
        http_next_hop() as hop,
        webhook(host, hop.url, format="slack", page="http://p", template="$severity $body ($service)") as exporter,
    ):
        await exporter.export(told(body="<!channel> a & b"))
        await state(host, "delivered")
        expected = "*cluster.created*  ERROR &lt;!channel&gt; a &amp; b (shop)  <http://p/clusters/c-1|c-1>"
        assert json.loads(hop.got[0].body) == {"text": expected}


async def test_alertmanager_gets_the_end_of_what_it_saw_begin(host):
    events = ["cluster.created", "cluster.resolved"]
    async with http_next_hop() as hop, webhook(host, hop.url, format="alertmanager", events=events) as exporter:
        await exporter.export(told())
        await state(host, "delivered")
        await exporter.export(told(event=semconv.CLUSTER_RESOLVED))
        await state(host, "delivered", "delivered")
        (opened,), (closed,) = (json.loads(one.body) for one in hop.got)
        labels = {"alertname": "OtelInsightsCluster", "service_name": "shop", "cluster_id": "c-1"}
        assert opened["labels"] == closed["labels"] == labels
        assert opened["startsAt"] == closed["endsAt"] == "2023-11-14T22:13:20.000Z"
        assert opened["endsAt"] == "2023-11-14T23:13:20.000Z"


def anomalous(event: str) -> Payload:
    return told("A-1", event, "queue.depth of shop rose to 310", semconv.ANOMALY_ID)


async def test_an_anomaly_is_told_with_a_link_and_its_end_only_on_demand(host):
    async with http_next_hop() as hop, webhook(host, hop.url, format="slack", page="http://p") as exporter:
        await exporter.export(anomalous(semconv.ANOMALY_OPENED))
        await exporter.export(anomalous(semconv.ANOMALY_CLOSED))
        await state(host, "delivered")
        expected = "*anomaly.opened*  queue.depth of shop rose to 310  <http://p/anomalies/A-1|A-1>"
        assert [json.loads(one.body)["text"] for one in hop.got] == [expected]


async def test_the_end_of_an_anomaly_ends_its_alert_at_alertmanager(host):
    events = ["anomaly.opened", "anomaly.closed"]
    async with http_next_hop() as hop, webhook(host, hop.url, format="alertmanager", events=events) as exporter:
        await exporter.export(anomalous(semconv.ANOMALY_OPENED))
        await exporter.export(anomalous(semconv.ANOMALY_CLOSED))
        await state(host, "delivered", "delivered")
        opened, closed = [one for got in hop.got for one in json.loads(got.body)]
        labels = {"alertname": "OtelInsightsAnomaly", "service_name": "shop", "anomaly_id": "A-1"}
        assert opened["labels"] == closed["labels"] == labels
        assert opened["startsAt"] == closed["endsAt"]


async def test_alerts_are_listed_and_sent_again(host, tmp_path):
    async def cli(*words: str, code: int = 0) -> str:
        where = ["--store", f"sqlite:///{tmp_path}/insights.db"]
        result = await asyncio.to_thread(CliRunner().invoke, app, ["alerts", *words, *where])
        assert result.exit_code == code, result.output
        return result.output

    async with http_next_hop(Answer(status=500)) as hop, webhook(host, hop.url) as exporter:
        await exporter.export(told())
        await state(host, "failed")
        assert "cluster.created c-1  HTTP 500" in await cli("list", "--state", "failed")
        (row,) = json.loads(await cli("list", "--json"))
        assert (row["state"], row["exporter"], row["cluster_id"]) == ("failed", "webhook", "c-1")
        assert "expected one of waiting" in await cli("list", "--state", "lost", code=2)
        assert "0 to be sent again" in await cli("resend", "99", code=1)
        host.now = 2**62  # the command took the real time
        assert "1 to be sent again" in await cli("resend")
        await exporter.deliver_due()
        await state(host, "delivered")
        assert len(hop.got) == 2


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"url": "ftp://x/y"}, "expected a URL"),
        ({"url": "https://me:pw@x/y"}, "without credentials"),
        ({"events": ["cluster.exploded"]}, "expected some of"),
        ({"template": "$nonsense"}, "expected a text with"),
        ({"template": "costs 5 $"}, "expected a text with"),
        ({"format": "teams"}, "json"),
        ({"retry_intervals": ["5"]}, "duration"),
    ],
)
def test_a_wrong_setting_is_refused(settings, expected):
    with pytest.raises(ValidationError, match=expected):
        FACTORY.settings(**({"url": "http://localhost/x"} | settings))

"""`events` and GET /api/v1/events: which log events came, from whom, and which did not."""

import json

import pytest
from api.serving import client_of, running
from otlp_samples import T0, log, logs, package, resource
from typer.testing import CliRunner

from otel_insights import semconv
from otel_insights.cli import app
from otel_insights.payload import Signal

SECOND = 10**9


def event(name: str, second: int):
    record = log("told")
    record.event_name, record.time_unix_nano = name, T0 + second * SECOND
    return record


@pytest.fixture
async def service(tmp_path):
    async with running(store=f"sqlite:///{tmp_path}/insights.db") as made:
        for second in range(3):
            await made.entrance(Signal.LOGS)(logs(event("query.executed", second), log("no event"), of=resource("a")))
        await made.entrance(Signal.LOGS)(logs(package("numpy", "2.0"), of=resource("b", "till")))
        await made.entrance(Signal.LOGS)(logs(event("query.executed", 9), of=resource("b", "till")))
        await made.entrance(Signal.LOGS)(logs(event("ours", 9), of=resource(made.instance_id, "otel-insights")))
        yield made


@pytest.fixture
def cli(service, tmp_path):
    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["events", *words, "--store", f"sqlite:///{tmp_path}/insights.db"])
        assert result.exit_code == code, result.output
        return result.output

    return run


async def test_events_are_counted_by_name_and_what_did_not_come_is_told(service):
    async with client_of(service) as client:
        told = (await client.get("/api/v1/events")).json()
        assert told["seen"] == [
            {
                "name": "query.executed",
                "count": 4,
                "services": ["shop", "till"],
                "first": "2023-11-14T22:13:20.000000Z",
                "last": "2023-11-14T22:13:29.000000Z",
            },
            told["seen"][1],
        ]
        assert told["seen"][1]["name"] == semconv.PACKAGE_INFO_EVENT
        missing = [one["name"] for one in told["missing"]]
        assert semconv.RUN_START in missing
        assert semconv.PACKAGE_INFO_EVENT not in missing
        only = (await client.get("/api/v1/events", params={"service": "till"})).json()["seen"]
        assert [(one["name"], one["count"]) for one in only] == [("package.info", 1), ("query.executed", 1)]
        assert (await client.get("/api/v1/events", params={"since": "someday"})).status_code == 422


def test_the_command_says_the_same_and_fails_where_an_expected_event_did_not_come(cli):
    text = cli()
    assert "4  query.executed" in text
    assert "shop, till" in text
    assert "none came; told by track_run and start_run" in text
    assert cli("--expect", "query.executed", "--service", "till").count("\n") == 2
    told = json.loads(cli("--expect", "query.executed", "--expect", "page.read", "--json", code=1))
    assert told["missing"] == [{"name": "page.read", "told_by": "`record_event`"}]

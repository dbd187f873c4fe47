"""`otel-insights environments` and `services`, in a store that a service is using."""

import asyncio
import json

import pytest
from otlp_samples import FakeHost, Sink, build, charge, log, logs, package, passing, raised, resource, span, spans
from typer.testing import CliRunner

from otel_insights.cli import app
from otel_insights.processors import environments, exceptions
from otel_insights.store import Store


@pytest.fixture
async def cli(worker, tmp_path):
    url = f"sqlite:///{tmp_path}/insights.db"
    host = FakeHost(worker=worker, store=Store.open(url))
    chain = [build(one.FACTORY) for one in (environments, exceptions)]
    for processor in chain:
        await processor.start(host)
    for name, numpy in (("i-1", "2.0"), ("i-2", "1.26")):
        of = resource(name, "shop", "demo")
        await passing(chain, logs(package("numpy", numpy), log("served", {"log_count": 9}), of=of), Sink())
    await passing(chain, spans(span(1, raised(charge, 5)), of=resource("i-1", "shop", "demo")), Sink())
    for processor in chain:
        await processor.analyse()

    async def run(*words: str, code: int = 0) -> str:
        result = await asyncio.to_thread(CliRunner().invoke, app, [*words, "--store", url])
        assert result.exit_code == code, result.output
        return result.stdout or result.stderr

    yield run
    await host.store.close()


async def test_environments_are_listed_shown_and_compared(cli):
    assert [line.split()[-1] for line in (await cli("environments")).splitlines()] == ["demo/shop/i-1", "demo/shop/i-2"]
    shown = await cli("environments", "show", "1")
    assert "package.numpy = 2.0" in shown
    assert "1 times: " in shown
    compared = await cli("environments", "diff", "1", "2")
    assert "package.numpy: 2.0 | 1.26" in compared
    assert "only one fails in" in compared
    assert json.loads(await cli("environments", "diff", "1", "2", "--json"))["differing"][0]["other"] == "1.26"
    assert json.loads(await cli("environments", "list", "--service", "till", "--json")) == []
    assert "there is no environment 9" in await cli("environments", "show", "9", code=1)


async def test_services_are_listed(cli):
    (only,) = json.loads(await cli("services", "--json"))
    assert (only["name"], only["environments"], only["failing_environments"]) == ("shop", 2, 1)
    assert (await cli("services")).split()[-1] == "demo/shop"

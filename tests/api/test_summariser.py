"""Summaries by a language model: asked for by people alone, cleaned, kept, within a budget; a real server answers."""

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import web
from api.language_model import LanguageModel, completion, language_model
from api.serving import client_of, running
from api.test_pages import HTML, text_of
from api.test_template_pages import at, send
from otlp_samples import Sink, charge, passing, raised, span, spans
from typer.testing import CliRunner

from otel_insights.cli import app
from otel_insights.store import written_summaries

LINE = "login of ann@shop.example failed at 10.1.2.3 with password=hunter2"
SECRETS = ("ann@shop.example", "10.1.2.3", "hunter2", "sk-not-to-be-seen")


@pytest.fixture
async def model():
    async with language_model() as made:
        yield made


async def alike(client) -> str:
    """The path of the one kind of error that there is."""
    (one,) = (await client.get("/api/v1/log-clusters")).json()["items"]
    return f"/api/v1/log-clusters/{one['cluster_id']}"


async def settled(client, path: str) -> dict:
    """Wait until the model was asked."""
    for _ in range(2000):
        told = (await client.get(path)).json()
        if told["writing"] != "under way":
            return told
        await asyncio.sleep(0.01)
    raise AssertionError("expected the model to be asked within 20 s")


async def written(client, path: str) -> dict:
    answer = await client.post(f"{path}/summary")
    assert (answer.status_code, answer.json()) == (202, {"status": "under way", "model": "tiny-1"})
    return await settled(client, path)


async def test_a_model_is_asked_once_about_what_is_known_and_again_when_that_has_changed(model):
    async with running(more=model.configured()) as service, client_of(service) as client:
        await send(service, at(1, "lost the bank", severity=17))
        path = await alike(client)
        before = (await client.get(path)).json()
        assert (before["written"], before["writing"], model.asked) == (None, None, [])
        after = await written(client, path)
        assert (after["written"]["text"], after["written"]["model"]) == ("The bank cannot be reached.", "tiny-1")
        assert after["written"]["is_current"]
        assert after["summary"] == before["summary"]
        await send(service, *[at(number, "lost the bank", severity=17) for number in range(2, 40)])
        assert (await written(client, path))["written"]["is_current"]  # more of the same is nothing new
        assert len(model.asked) == 1
        await send(service, at(50, "Lost the bank.", severity=17), of="till")
        assert not (await client.get(path)).json()["written"]["is_current"]
        model.answer = completion("<think>What now?</think>\nTwo services\n lost it.")
        assert (await written(client, path))["written"]["text"] == "Two services lost it."
        assert len(model.asked) == 2


async def test_what_leaves_is_cleaned_and_the_key_goes_to_the_endpoint_alone(model):
    settings = model.configured(max_tokens_name="max_completion_tokens")
    async with running(more=settings) as service, client_of(service) as client:
        (id_,) = await send(service, at(1, LINE, severity=17))
        await client.post(f"/templates/{id_}/rename", data={"name": "password=hunter2 of ann@shop.example"})
        told = await written(client, await alike(client))
    (asked,), (headers,) = model.asked, model.headers
    assert (asked["model"], asked["max_completion_tokens"]) == ("tiny-1", 400)
    assert headers["Authorization"] == "Bearer sk-not-to-be-seen"
    sent = json.dumps(asked)
    assert "login of [email:" in sent
    assert [one for one in SECRETS if one in sent or one in json.dumps(told["written"])] == []


async def test_no_question_is_asked_that_could_go_beyond_the_budget_of_the_day(model):
    async with running(more=model.configured(tokens_per_day=2500)) as service, client_of(service) as client:
        await send(service, at(1, "lost the bank", severity=17))
        path = await alike(client)
        model.answer = completion("Lost.", 1900)
        assert (await written(client, path))["written"]["text"] == "Lost."
        assert await service.store.read(written_summaries.spent, service.now_ns()) == 1900
        await send(service, at(2, "Lost the bank", severity=17), of="till")
        told = await written(client, path)
        assert told["writing"] == "the budget of 2,500 tokens a day leaves no room for it today"
        assert (told["written"]["text"], told["written"]["is_current"]) == ("Lost.", False)
        assert len(model.asked) == 1
        tomorrow = service.now_ns() + 86_400 * 10**9
        service.clock = lambda: tomorrow
        model.answer = completion("Lost twice.", None)  # it does not tell what it took: all that was set aside counts
        assert (await written(client, path))["written"]["text"] == "Lost twice."
        assert 500 < await service.store.read(written_summaries.spent, tomorrow) <= 2500


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (web.Response(status=500, text="sk-not-to-be-seen"), "the endpoint answered 500 Internal Server Error"),
        (web.Response(status=307, headers={"Location": "/"}), "the endpoint answered 307 Temporary Redirect"),
        (b"<html>", "expected JSON with choices[0].message.content, got something else"),
        ({"choices": []}, "expected JSON with choices[0].message.content, got something else"),
        (completion(" <think>never ends"), "expected a text in choices[0].message.content, got an empty one"),
        (b" " * 300_000, "expected an answer of at most 256 KiB, got a longer one"),
    ],
)
async def test_where_the_model_fails_the_plain_summary_stands_and_it_is_said_why(model, answer, why):
    async with running(more=model.configured()) as service, client_of(service) as client:
        await send(service, at(1, "lost the bank", severity=17))
        path = await alike(client)
        model.answer = answer
        told = await written(client, path)
        assert (told["written"], told["writing"]) == (None, why)
        assert told["summary"].startswith("1 record says: lost the bank.")
        assert await service.store.read(written_summaries.spent, service.now_ns()) > 400  # it may have cost as much
        assert service.metrics.value("otel_insights_summaries_failed") == 1
        model.answer = completion("Lost.")
        assert (await written(client, path))["written"]["text"] == "Lost."


async def test_a_model_that_says_nothing_is_given_up_while_telemetry_passes(model):
    model.may_answer.clear()
    async with running(more=model.configured(timeout="200ms")) as service, client_of(service) as client:
        await send(service, at(1, "lost the bank", severity=17))
        path = await alike(client)
        await client.post(f"{path}/summary")
        await send(service, at(2, "lost the bank", severity=17))
        told = await settled(client, path)
        assert (told["support_count"], told["writing"]) == (2, "no answer within 0.2 s")
        await client.post(f"{path}/summary")  # and the service stops while it is asked
    model.may_answer.set()


async def test_an_endpoint_that_is_not_there_costs_nothing(model):
    nowhere = model.configured(endpoint="http://127.0.0.1:9/v1")
    async with running(more=nowhere) as service, client_of(service) as client:
        await send(service, at(1, "lost the bank", severity=17))
        told = await written(client, await alike(client))
        assert told["writing"].startswith("the endpoint cannot be reached")
        assert await service.store.read(written_summaries.spent, service.now_ns()) == 0


async def test_without_a_configuration_no_model_is_asked_and_none_is_offered(service, client):
    await send(service, at(1, "lost the bank", severity=17))
    path = await alike(client)
    answer = await client.post(f"{path}/summary")
    assert (answer.status_code, answer.json()["code"]) == (409, "NO_SUMMARISER")
    page = (await client.get(path.removeprefix("/api/v1"), headers=HTML)).text
    assert "summarise it" not in page


async def test_a_cluster_of_exceptions_is_summarised_too_on_its_page(model):
    async with running(more=model.configured()) as service, client_of(service, headers=HTML) as client:
        wanted = [one for one in service.processors.values() if one.id.type in ("environments", "exceptions")]
        await passing(wanted, spans(span(1, raised(charge, 5))), Sink())
        assert await service.analyse()
        (one,) = (await client.get("/api/v1/clusters")).json()["items"]
        page = (await client.get(f"/clusters/{one['id']}")).text
        assert "Have tiny-1 summarise it" in page
        model.answer = completion("No card <b>can</b> be charged.")
        answer = await client.post(f"/clusters/{one['id']}/summary", follow_redirects=True)
        assert "tiny-1 is asked; look again in a moment." in text_of(answer.text)
        await settled(client, f"/api/v1/clusters/{one['id']}/summary")
        page = (await client.get(f"/clusters/{one['id']}")).text
        assert "No card &lt;b&gt;can&lt;/b&gt; be charged." in page
        assert "Written by tiny-1 on" in page
        assert "Have tiny-1 summarise it" not in page
        (asked,) = model.asked
        assert "ValueError: no card can be charged" in asked["messages"][1]["content"]
        assert (await client.post("/api/v1/clusters/none/summary")).status_code == 404


async def test_the_command_line_waits_for_the_model(model: LanguageModel, tmp_path: Path):
    store, config = f"sqlite:///{tmp_path}/insights.db", tmp_path / "config.yaml"
    config.write_text(f"store: {{url: '{store}'}}\n{model.configured()}")
    async with running(store=store) as service, client_of(service) as client:
        await send(service, at(1, "lost the bank", severity=17))
        id_ = (await alike(client)).rpartition("/")[2]

    async def cli(*arguments: str, code: int = 0) -> str:
        found = await asyncio.to_thread(CliRunner().invoke, app, ["templates", "summary", *arguments])
        assert found.exit_code == code, found.output
        return found.output

    assert "wrote" not in await cli(id_, "--store", store)
    assert "tiny-1 wrote on" in await cli(id_, "--write", "--config", str(config))
    again = json.loads(await cli(id_, "--write", "--config", str(config), "--json"))
    assert (again["written"]["text"], len(model.asked)) == ("The bank cannot be reached.", 1)
    assert "expected endpoint and model" in await cli(id_, "--write", "--store", store, code=2)
    assert "there is no group of log templates 'x'" in await cli("x", "--write", "--config", str(config), code=1)
    assert "needs the ID" in await cli("--write", code=2)

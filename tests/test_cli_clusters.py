"""Corrections from the command line, beside a service that goes on with the same store."""

import asyncio
import json

import pytest
from otlp_samples import FakeHost, Sink, build, charge, look_up, passing, raised, resource, span, spans, values
from typer.testing import CliRunner

from otel_insights import semconv
from otel_insights.cli import app
from otel_insights.processors.exceptions import FACTORY
from otel_insights.report import all_clusters
from otel_insights.store import Store, clusters, outbox

DAY = 86_400 * 10**9


def refund(amount: int) -> None:
    raise ValueError(f"no card can be refunded {amount} cents")


@pytest.fixture
async def host(worker, tmp_path):
    made = FakeHost(worker=worker, store=Store.open(f"sqlite:///{tmp_path}/insights.db"))
    yield made
    await made.store.close()


@pytest.fixture
async def exceptions(host):
    made = build(FACTORY)
    await made.start(host)
    return made


@pytest.fixture
def cli(tmp_path):
    async def run(*arguments: str, code: int = 0, store: bool = True):
        where = ["--store", f"sqlite:///{tmp_path}/insights.db"] if store else []
        words = ["clusters", *arguments, *where]
        result = await asyncio.to_thread(CliRunner().invoke, app, words)
        assert result.exit_code == code, result.output
        return result.stdout or result.stderr

    return run


async def fail(exceptions, number: int, function, *args, of=None) -> dict:
    sink = Sink()
    await passing([exceptions], spans(span(number, raised(function, *args)), of=of), sink)
    return values(sink.spans()[0].attributes)


async def ids(host) -> dict[str, str]:
    """Exception type and function -> cluster."""
    return {one.title.rsplit(".", 1)[-1]: one.id for one in await all_clusters(host.store)}


@pytest.fixture
async def two(exceptions, host) -> tuple[str, str]:
    await fail(exceptions, 1, charge, 5)
    await fail(exceptions, 2, refund, 5)
    await exceptions.analyse()
    found = await ids(host)
    return found["charge"], found["refund"]


async def test_clusters_are_listed_and_shown(cli, two):
    assert "charge" in await cli()
    assert two[0] in await cli("list")
    assert {one["id"] for one in json.loads(await cli("list", "--json"))} == set(two)
    assert json.loads(await cli("list", "--state", "resolved", "--json")) == []
    shown = await cli("show", two[0])
    assert "new: 1 occurrences in 1 environments" in shown
    assert "deepest function in the stack" in shown
    assert json.loads(await cli("show", two[0], "--json"))["exemplars"][0]["span_id"] == f"{1:016x}"


async def test_merged_clusters_stay_one_through_new_events_clusterings_and_restarts(cli, two, exceptions, host):
    kept, gone = two
    await cli("merge", kept, gone)
    await exceptions.analyse()
    assert (await fail(exceptions, 3, refund, 6))[semconv.CLUSTER_ID] == kept
    await fail(exceptions, 4, look_up, "o")  # something new, so that there is a clustering
    await exceptions.analyse()
    restarted = build(FACTORY)
    await restarted.start(host)
    assert (await fail(restarted, 5, refund, 7))[semconv.CLUSTER_ID] == kept
    await restarted.analyse()
    assert gone not in (await ids(host)).values()
    assert (await host.store.read(clusters.get, gone)).id == kept
    assert (await host.store.read(clusters.get, kept)).count == 4
    told = await host.store.read(outbox.waiting)
    assert sum(semconv.CLUSTER_MERGED.encode() in one.record for one in told) == 1


async def test_an_old_id_leads_over_every_merge_to_the_one_that_goes_on(cli, two, exceptions, host):
    await fail(exceptions, 4, look_up, "o")
    await exceptions.analyse()
    third = (set((await ids(host)).values()) - set(two)).pop()
    await cli("merge", two[0], two[1])
    await cli("merge", third, two[1])  # the old id stands for the one that goes on
    shown = json.loads(await cli("show", two[1], "--json"))
    assert shown["id"] == third
    assert shown["count"] == 3
    await exceptions.analyse()
    assert (await fail(exceptions, 9, refund, 7))[semconv.CLUSTER_ID] == third
    assert json.loads(await cli("show", two[0], "--json"))["id"] == third


async def test_a_split_holds_against_the_clustering(cli, two, exceptions, host):
    await cli("merge", *two)
    await exceptions.analyse()
    kept = json.loads(await cli("show", two[0], "--json"))
    moving = next(one["fingerprint"] for one in kept["examples"] if "refund" in one["message"])
    new = json.loads(await cli("split", two[0], moving, "--json"))["id"]
    await exceptions.analyse()
    for number in range(5):
        await fail(exceptions, 10 + number, refund, number)
        await fail(exceptions, 20 + number, charge, number)
    await fail(exceptions, 30, look_up, "o")
    await exceptions.analyse()
    assert (await fail(exceptions, 40, refund, 9))[semconv.CLUSTER_ID] == new
    assert (await fail(exceptions, 41, charge, 9))[semconv.CLUSTER_ID] == two[0]
    assert {"split", "merged"} <= {one["change"] for one in json.loads(await cli("show", two[0], "--json"))["history"]}


async def test_a_title_lasts(cli, two, exceptions, host):
    await cli("rename", two[0], "Cards  that cannot be charged")
    await fail(exceptions, 3, look_up, "o")
    await exceptions.analyse()
    assert (await host.store.read(clusters.get, two[0])).title == "Cards that cannot be charged"


async def test_resolve_and_archive(cli, two, exceptions):
    await cli("resolve", two[0])
    assert "archived until" in await cli("archive", two[1], "--until", "7d")
    await exceptions.analyse()
    states = {one["id"]: one["state"] for one in json.loads(await cli("list", "--json"))}
    assert states == {two[0]: "resolved", two[1]: "archived"}


async def test_a_rule_moves_what_is_known_and_what_comes(cli, two, exceptions, host):
    rule = json.loads(await cli("rule", "add", two[0], "--message", "no card can be refunded *", "--json"))
    assert rule["moved"] == 1
    await exceptions.analyse()
    assert (await fail(exceptions, 3, refund, 6))[semconv.CLUSTER_ID] == two[0]
    assert json.loads(await cli("show", two[1], "--json"))["id"] == two[0], "nothing is left of the other one"

    await cli("rule", "add", two[0], "--frame", "*.look_up", "--type", "KeyError")
    await exceptions.analyse()
    assert (await fail(exceptions, 4, look_up, "o"))[semconv.CLUSTER_ID] == two[0], "before any clustering"
    await exceptions.analyse()
    assert (await fail(exceptions, 5, look_up, "p"))[semconv.CLUSTER_ID] == two[0]
    assert len(json.loads(await cli("rule", "list", "--json"))) == 2


async def test_without_its_rule_a_failure_is_on_its_own_again(cli, two, exceptions, host):
    await cli("rule", "add", two[0], "--message", "no card can be refunded *")
    await exceptions.analyse()
    assert "gone" in await cli("rule", "remove", "1")
    await exceptions.analyse()
    assert (await fail(exceptions, 3, refund, 6))[semconv.CLUSTER_ID] != two[0]
    assert (await fail(exceptions, 4, charge, 6))[semconv.CLUSTER_ID] == two[0]


async def test_a_module_that_is_not_in_app_changes_fingerprints_and_keeps_clusters(cli, exceptions, host):
    before = await fail(exceptions, 1, charge, 5)
    await exceptions.analyse()
    (id_,) = (await ids(host)).values()
    await cli("not-in-app", "add", "tests.otlp_samples")
    await exceptions.analyse()
    after = await fail(exceptions, 2, charge, 5)
    assert after[semconv.FINGERPRINT] != before[semconv.FINGERPRINT]
    assert after[semconv.CLUSTER_ID] == id_
    await exceptions.analyse()
    (cluster,) = await all_clusters(host.store)
    assert (cluster.id, cluster.count) == (id_, 2)
    assert json.loads(await cli("not-in-app", "list", "--json")) == ["tests.otlp_samples"]
    await cli("not-in-app", "remove", "tests.otlp_samples")
    await exceptions.analyse()
    assert (await fail(exceptions, 3, charge, 5))[semconv.FINGERPRINT] == before[semconv.FINGERPRINT]


async def test_what_cannot_be_is_told_and_changes_nothing(cli, two, exceptions, host):
    for words, says in (
        (["show", "nothing"], "there is no cluster 'nothing'"),
        (["merge", two[0], two[0]], "both are the cluster"),
        (["merge", two[0], "nothing"], "there is no cluster"),
        (["split", two[0], "abc"], "not in the cluster"),
        (["rename", two[0], " "], "expected a title"),
        (["archive", two[0], "--until", "yesterday"], "expected a time"),
        (["archive", two[0], "--until", "2001-01-01"], "expected a time to come"),
        (["rule", "add", two[0], "--message", "*"], "does not match everything"),
        (["rule", "remove", "7"], "there is no rule 7"),
        (["not-in-app", "add", "a b"], "expected a module"),
    ):
        assert says in await cli(*words, code=1)
    assert "expected a store that exists" in await cli(
        "list", "--store", "sqlite:////nowhere/x.db", code=2, store=False
    )
    await fail(exceptions, 9, charge, 5, of=resource(namespace="other"))
    await exceptions.analyse()
    other = next(one.id for one in await all_clusters(host.store) if one.namespace == "other")
    assert "different namespaces" in await cli("merge", two[0], other, code=1)


async def test_a_correction_during_a_clustering_wins(cli, two, exceptions, host, monkeypatch):
    from otel_insights.worker import Worker

    run, corrected = Worker.run, []

    async def slowly(self, function, *args):
        result = await run(self, function, *args)
        if not corrected:
            corrected.append(await cli("merge", *two))
        return result

    monkeypatch.setattr(Worker, "run", slowly)
    await fail(exceptions, 3, look_up, "o")
    await exceptions.analyse()
    assert corrected
    assert two[1] not in (await ids(host)).values()
    assert (await fail(exceptions, 4, refund, 6))[semconv.CLUSTER_ID] == two[0]

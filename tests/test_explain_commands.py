"""`explain`, `check`, `feedback suggestion`: what a person reads, what CI gets, and what a service makes of it."""

import asyncio
import io
import json
from pathlib import Path

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from otlp_samples import FakeHost, Sink, build, charge, log, logs, package, passing, raised, resource, span, spans
from rich.console import Console
from typer.testing import CliRunner

from otel_insights import semconv
from otel_insights.cli import app
from otel_insights.explained import show
from otel_insights.explained_text import print_shown
from otel_insights.processors import environments, exceptions, suggestions
from otel_insights.report import all_clusters
from otel_insights.store import Store, feedback, outbox
from otel_insights.store.reading import reading


async def cli(*arguments: str | Path) -> tuple[int, str, str]:
    """Run a command beside the service's loop, as another process would."""
    result = await asyncio.to_thread(CliRunner().invoke, app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


class Running:
    """A service's processors over a store's file, which stays open while commands are run on it."""

    def __init__(self, host: FakeHost, url: str) -> None:
        self.host, self.url = host, url
        self.processors = [build(module.FACTORY) for module in (environments, exceptions, suggestions)]

    async def environment(self, number: int, fails: bool, **packages: str) -> None:
        of = resource(f"i-{number}")
        told = [package(name, version) for name, version in packages.items()]
        failures = [raised(charge, number)] if fails else []
        await passing(self.processors, logs(*told, log("served", {"log_count": 500}), of=of), Sink())
        await passing(self.processors, spans(span(number + 1, *failures), of=of), Sink())

    async def analyse(self) -> str:
        """Analyse all, and give the id of the only cluster."""
        for one in self.processors:
            await one.analyse()
        (cluster,) = await all_clusters(self.host.store)
        return cluster.id

    async def told(self, event: str) -> int:
        waiting = await self.host.store.read(outbox.waiting)
        return [LogRecord.FromString(one.record).event_name for one in waiting].count(event)


@pytest.fixture
async def running(worker, tmp_path):
    url = f"sqlite:///{tmp_path}/store.db"
    host = FakeHost(worker=worker, store=Store.open(url))
    made = Running(host, url)
    for one in made.processors:
        await one.start(host)
    yield made
    await host.store.close()


async def explained(running: Running) -> str:
    """Twenty environments fail with numpy 2, twenty are healthy without: the cluster's id."""
    for number in range(40):
        bad = number % 2 == 0
        await running.environment(number, bad, numpy="2.0" if bad else "1.26", pandas="2.1")
    return await running.analyse()


async def test_explain_says_it_in_words_with_the_table_behind_it_while_the_service_has_the_store_open(running):
    cluster = await explained(running)
    code, out, _ = await cli("explain", cluster, "--store", running.url)
    assert code == 0
    assert "20 of the 20 failing environments run numpy 2.0; none of the 20 healthy ones does." in out
    assert "20 of 20  84-100 %" in out
    assert "0 of 20  0-16 %" in out
    assert "remedy: numpy 1.26, seen healthy in shop i-1" in out
    assert "family-wise" in out
    assert f"{39:032x}" in out
    assert "\x1b" not in out


async def test_explain_gives_a_program_the_same(running):
    cluster = await explained(running)
    code, out, _ = await cli("explain", cluster, "--store", running.url, "--json")
    shown = json.loads(out)
    (first, *_) = shown["suggestions"]
    assert (code, shown["id"], first["tier"]) == (0, cluster, "established")
    assert first["table"][-1]["failing"] == [20, 20]
    assert first["table"][-1]["healthy_interval"][0] == 0
    assert first["remedy_seen_in"][0] == "shop i-1"
    assert shown["exemplars"][0]["environment"].startswith("shop i-")


async def test_explain_says_of_a_lead_what_evidence_is_missing(running):
    for number in range(12):
        await running.environment(number, number < 2, numpy="2.0" if number < 2 else "1.26", pandas="2.1")
    _, out, _ = await cli("explain", await running.analyse(), "--store", running.url)
    assert "Lead, unproven" in out
    assert "missing: 2 failing environments meet it; an established explanation takes at least 3." in out
    assert "Nothing is established (not enough environments)" in out


async def test_explain_says_why_it_is_silent(running):
    for number in range(8):
        await running.environment(number, fails=True, numpy="2.0")
    _, out, _ = await cli("explain", await running.analyse(), "--store", running.url)
    assert "Nothing is established (no healthy side)" in out
    assert "there is nothing to compare with" in out


async def test_explain_follows_a_merged_id(running):
    cluster = await explained(running)
    await running.host.store.write(
        lambda db: db.execute(
            "INSERT INTO cluster (id, namespace, title, exception_type, created_ns, merged_into)"
            " VALUES ('old', '', 't', 'e', 0, ?)", [cluster]
        )
    )  # fmt: skip
    code, out, _ = await cli("explain", "old", "--store", running.url)
    assert code == 0
    assert f"Cluster old went into {cluster}, which is shown." in out


@pytest.mark.parametrize(
    "command", [("explain", "x"), ("check", "--lock", "environment"), ("feedback", "suggestion", "x", "wrong")]
)
async def test_a_store_that_is_not_there_is_refused_and_not_made(command, tmp_path):
    code, _, err = await cli(*command, "--store", f"sqlite:///{tmp_path}/none.db")
    assert code == 2
    assert "there is no" in err
    assert list(tmp_path.iterdir()) == []


async def test_an_unknown_cluster_and_a_file_that_is_no_store_are_refused(running, tmp_path):
    await explained(running)
    assert (await cli("explain", "nobody", "--store", running.url))[0] == 2
    (tmp_path / "text.db").write_text("no database, and long enough to be read as one " * 30)
    assert (await cli("explain", "nobody", "--store", f"sqlite:///{tmp_path}/text.db"))[0] == 2


async def test_check_names_the_condition_that_a_lock_meets_the_cluster_and_the_remedy(running, tmp_path):
    cluster = await explained(running)
    lock = tmp_path / "requirements.txt"
    lock.write_text("numpy==2.0\n")
    code, out, _ = await cli("check", "--lock", lock, "--store", running.url)
    assert code == 1
    assert out.startswith("fails: numpy 2.0\n")
    assert cluster in out
    assert "healthy with numpy 1.26" in out

    lock.write_text("numpy==1.26\n-e .\n")
    code, out, err = await cli("check", "--lock", lock, "--store", running.url)
    assert (code, out) == (0, "1 packages: no known failing conditions met\n")
    assert "skipped requirements.txt:2: -e ." in err

    lock.write_text("numpy>=2\npandas==2.1\n")
    code, out, _ = await cli("check", "--lock", lock, "--store", running.url, "--json")
    said = json.loads(out)
    assert (code, said["met"]) == (0, [])
    assert said["open"][0]["open"] == "it depends on whether numpy 2.0"


async def test_check_keeps_to_the_clusters_of_a_service(running, tmp_path):
    await explained(running)
    (tmp_path / "requirements.txt").write_text("numpy==2.0\n")
    arguments = ("check", "--lock", tmp_path / "requirements.txt", "--store", running.url, "--service")
    assert (await cli(*arguments, "shop"))[0] == 1
    code, _, err = await cli(*arguments, "another")
    assert code == 0
    assert "nothing was ever heard of a service 'another'" in err


async def test_check_judges_the_environment_that_runs_it(running):
    await explained(running)
    code, out, _ = await cli("check", "--lock", "environment", "--store", running.url)
    assert code == 0, "it has another numpy than 2.0"
    assert out.endswith("packages: no known failing conditions met\n")


async def test_check_refuses_what_it_cannot_read(running, tmp_path):
    for name, text in (("poetry.lock", "package = ["), ("some.toml", "a = 1"), ("requirements.txt", "numpy>=2\n")):
        (tmp_path / name).write_text(text)
        assert (await cli("check", "--lock", tmp_path / name, "--store", running.url))[0] == 2
    assert (await cli("check", "--lock", tmp_path / "nothing.txt", "--store", running.url))[0] == 2


async def suggestion_of(running: Running, cluster: str) -> dict:
    return json.loads((await cli("explain", cluster, "--store", running.url, "--json"))[1])["suggestions"][0]


async def test_what_was_called_wrong_is_withdrawn_and_not_said_again_whatever_comes(running):
    cluster = await explained(running)
    first = await suggestion_of(running, cluster)
    assert await running.told(semconv.SUGGESTION_CREATED) == 1

    code, out, _ = await cli("feedback", "suggestion", first["id"], "wrong", "--store", running.url)
    assert (code, out.startswith("noted")) == (0, True)
    assert await running.told(semconv.SUGGESTION_WITHDRAWN) == 1
    assert "Nothing is established (called wrong)" in (await cli("explain", cluster, "--store", running.url))[1]

    for number in range(40, 60):
        await running.environment(number, number % 2 == 0, numpy="2.1" if number % 2 == 0 else "1.26", pandas="2.1")
    assert await running.analyse() == cluster
    assert await running.told(semconv.SUGGESTION_CREATED) == 1
    _, out, _ = await cli("explain", cluster, "--store", running.url)
    assert "numpy" not in out.partition("Nothing is established (called wrong)")[0].partition("occurrences")[2]


async def test_a_wrong_that_was_taken_back_lets_the_suggestion_be_told_again(running):
    cluster = await explained(running)
    first = await suggestion_of(running, cluster)
    await cli("feedback", "suggestion", first["id"], "wrong", "--store", running.url)
    await cli("feedback", "suggestion", first["id"], "fixed-it", "--store", running.url)
    await running.analyse()
    assert (await suggestion_of(running, cluster))["id"] == first["id"]
    assert await running.told(semconv.SUGGESTION_CREATED) == 2


async def test_a_version_that_fixed_it_is_shown_with_the_remedy_after_further_analyses(running):
    cluster = await explained(running)
    first = await suggestion_of(running, cluster)
    for _ in range(2):
        arguments = ("feedback", "suggestion", first["id"], "fixed-it", "--version", "numpy==1.26.4")
        assert (await cli(*arguments, "--store", running.url))[0] == 0
    await running.environment(40, fails=False, numpy="1.26", pandas="2.1")
    await running.analyse()
    _, out, _ = await cli("explain", cluster, "--store", running.url)
    assert "reported to have fixed it: numpy 1.26.4, 2 times" in out
    again = await suggestion_of(running, cluster)
    assert again["fixed_by"] == [{"key": "package.numpy", "value": "1.26.4", "reports": 2}]


async def test_feedback_of_another_form_is_refused(running):
    first = await suggestion_of(running, await explained(running))
    for wrong in (
        (first["id"], "perhaps"),
        (first["id"], "fixed-it", "--version", "numpy>=2"),
        (first["id"], "wrong", "--version", "numpy==1.26"),
        ("nobody", "wrong"),
    ):
        assert (await cli("feedback", "suggestion", *wrong, "--store", running.url))[0] == 2
    assert await running.host.store.read(feedback.last) == 0


async def test_a_terminal_gets_a_ruled_table_in_colours(running):
    cluster = await explained(running)
    written = io.StringIO()
    with reading(running.url) as db:
        print_shown(show(db, cluster), Console(file=written, force_terminal=True, width=100, color_system="standard"))
    assert "───" in written.getvalue()
    assert "\x1b[32m20 of the 20 failing environments" in written.getvalue()


async def test_check_shows_what_only_an_alias_meets_and_lets_it_pass(running, tmp_path):
    for number in range(40):
        bad = number % 2 == 0
        await running.environment(number, bad, numpy="2.0" if bad else "1.26", scipy="1.13" if bad else "1.10")
    cluster = await running.analyse()
    (first, *_) = json.loads((await cli("explain", cluster, "--store", running.url, "--json"))[1])["suggestions"]
    said, other = first["conditions"][0], first["aliases"][0][0]
    lock = tmp_path / "requirements.txt"
    lock.write_text(f"{other['key'].removeprefix('package.')}=={other['value']}\n")
    code, out, _ = await cli("check", "--lock", lock, "--store", running.url)
    assert code == 0
    assert out.startswith("may fail: ")
    assert "selected the same environments, and is met" in out
    lock.write_text(f"{said['key'].removeprefix('package.')}=={said['value']}\n")
    assert (await cli("check", "--lock", lock, "--store", running.url))[0] == 1


async def test_an_alias_of_what_was_called_wrong_takes_its_place(running):
    for number in range(40):
        bad = number % 2 == 0
        await running.environment(number, bad, numpy="2.0" if bad else "1.26", scipy="1.13" if bad else "1.10")
    cluster = await running.analyse()
    first = await suggestion_of(running, cluster)
    await cli("feedback", "suggestion", first["id"], "wrong", "--store", running.url)
    await running.analyse()
    second = await suggestion_of(running, cluster)
    assert second["tier"] == "established"
    assert second["conditions"] == first["aliases"][0]
    assert await running.told(semconv.SUGGESTION_CREATED) == 2


async def test_suggest_tells_what_explains_an_error_and_whether_it_holds_for_these_packages(running, tmp_path):
    cluster = await explained(running)
    bad, good = tmp_path / "bad.txt", tmp_path / "good.txt"
    bad.write_text("numpy==2.0\npandas==2.1\n")
    good.write_text("numpy==1.26\npandas==2.1\n")
    (found,) = await all_clusters(running.host.store)
    error = f"{found.exception_type}: {found.title.partition(': ')[2]}"
    code, out, _ = await cli("suggest", error, "--lock", bad, "--store", running.url)
    assert code == 0
    assert "here, established: 20 of the 20 failing environments run numpy 2.0" in out
    assert cluster in out
    _, out, _ = await cli("suggest", error, "--lock", good, "--store", running.url)
    assert "not here, established" in out
    _, out, _ = await cli("suggest", error, "--lock", good, "--store", running.url, "--json")
    assert json.loads(out)["match"] is True
    code, out, _ = await cli("suggest", "OddError: never seen", "--lock", good, "--store", running.url)
    assert (code, out) == (1, "No error like this has been seen.\n")


async def test_suggest_without_an_error_tells_all_that_is_known_of_the_packages(running, tmp_path):
    await explained(running)
    lock = tmp_path / "bad.txt"
    lock.write_text("numpy==2.0\npandas==2.1\n")
    code, out, _ = await cli("suggest", "--lock", lock, "--store", running.url)
    assert code == 0
    assert "fails: numpy 2.0" in out
    lock.write_text("numpy==1.26\npandas==2.1\n")
    code, out, _ = await cli("suggest", "--lock", lock, "--store", running.url)
    assert (code, out) == (1, "Nothing is known to fail with these packages.\n")
    assert (await cli("suggest", "--lock", tmp_path / "none.txt", "--store", running.url))[0] == 2
    assert (await cli("suggest", "--store", "sqlite:////none/there.db"))[0] == 2

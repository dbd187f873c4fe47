"""`otel-insights runs`: looked at, and corrected, beside a service that goes on."""

import json

import pytest
from otlp_samples import T0, FakeHost
from typer.testing import CliRunner

from otel_insights.cli import app
from otel_insights.run_edits import checked
from otel_insights.store import Store, runs
from otel_insights.store.corrections import WrongCorrection
from otel_insights.store.runs import Told


@pytest.fixture
async def host(worker, tmp_path):
    made = FakeHost(worker=worker, store=Store.open(f"sqlite:///{tmp_path}/insights.db"))
    told = [
        Told(f"r-{number}", "start", {"agent_name": "crawler" if number % 2 else "writer", "start_ns": T0 + number})
        for number in range(6)
    ]
    ended = [Told(f"r-{number}", "end", {"status": "failed", "error_summary": "boom"}) for number in range(3)]
    await made.store.write(runs.record, [*told, *ended], T0)
    yield made
    await made.store.close()


@pytest.fixture
def cli(host, tmp_path):
    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["runs", *words, "--store", f"sqlite:///{tmp_path}/insights.db"])
        assert result.exit_code == code, result.output
        return result.output

    return run


def test_runs_are_listed_the_newest_first_and_by_what_is_asked_for(cli):
    assert [row["event_id"] for row in json.loads(cli("list", "--json"))] == [f"r-{n}" for n in range(5, -1, -1)]
    assert [
        row["event_id"] for row in json.loads(cli("list", "--agent", "crawler", "--status", "failed", "--json"))
    ] == ["r-1"]
    assert "failed     writer   0/0/0  boom" in cli("list", "--status", "failed")
    assert cli("list", "--created-before", "2020-01-01") == ""


def test_one_run_is_shown_with_what_people_changed(cli):
    cli("update", "r-1", "--set", "status=partial")
    shown = json.loads(cli("show", "r-1", "--json"))
    assert (shown["status"], shown["error_summary"], shown["start_time"]) == (
        "partial",
        "boom",
        "2023-11-14T22:13:20.000000Z",
    )
    (edit,) = shown["edits"]
    assert (edit["field"], edit["before"], edit["after"]) == ("status", "failed", "partial")
    assert "status: 'failed' -> 'partial'" in cli("show", "r-1")
    assert "there is no run" in cli("show", "r-9", code=1)


def test_a_dry_run_shows_and_changes_nothing(cli):
    said = cli("update", "--status", "running", "--set", "status=cancelled", "--set", "error_summary=gone", "--dry-run")
    assert "r-4  status: 'running' -> 'cancelled'" in said
    assert "3 of 3 runs would change" in said
    assert len(json.loads(cli("list", "--status", "running", "--json"))) == 3


def test_many_are_changed_at_once_and_a_repeat_changes_none(cli):
    words = ["update", "--status", "failed", "--set", "items_failed=2", "--set", "error_summary="]
    assert "3 of 3 runs changed" in cli(*words)
    rows = json.loads(cli("list", "--status", "failed", "--json"))
    assert {(row["items_failed"], row["error_summary"]) for row in rows} == {(2, None)}
    assert "0 of 3 runs changed" in cli(*words)


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["update", "--set", "status=done", "r-1"], 2, "status: expected one of running"),
        (["update", "--set", "agent_name=x", "r-1"], 2, "agent_name: expected one of status"),
        (["update", "--set", "status", "r-1"], 2, "expected FIELD=VALUE"),
        (["update", "--set", "status=success"], 2, "expected ids"),
        (["update", "--set", "status=success", "r-1", "r-9"], 1, "there is no run 'r-9'"),
        (["list", "--status", "done"], 2, "--status: expected one of"),
        (["list", "--created-before", "yesterday"], 2, "--created-before: expected a time"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_changed(cli, words, code, expected):
    before = cli("list", "--json")
    assert expected in cli(*words, code=code)
    assert cli("list", "--json") == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "done"}, {"status": None}, {"error_summary": "x" * 501}, {"error_details": "x" * 5001},
        {"output_summary": "x" * 1001}, {"items_failed": -1}, {"items_failed": True}, {"items_failed": 1.5},
        {"duration_ms": 2**63}, {"end_time": "soon"}, {"end_time": "1969-12-31T00:00:00Z"}, {"metrics_json": "{"},
        {"context_json": "[" + "1," * 40_000 + "1]"}, {"created_at": "2026-01-01"},
    ],
    ids=str,
)  # fmt: skip
def test_a_field_beyond_its_limits_is_named(wrong):
    with pytest.raises(WrongCorrection, match=next(iter(wrong))):
        checked(wrong)


def test_fields_within_their_limits_are_taken():
    assert checked(
        {"status": "timeout", "end_time": "1970-01-01T00:00:01.5Z", "items_skipped": "7", "metrics_json": {"a": [1]},
         "output_summary": None}
    ) == {
        "status": "timeout", "end_ns": 1_500_000_000, "items_skipped": 7, "metrics_json": '{"a": [1]}',
        "output_summary": None,
    }  # fmt: skip

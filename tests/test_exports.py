"""Tables for other programs: by the command and over the API."""

import csv
import io
import json

import pytest
from api.serving import client_of, running
from openpyxl import load_workbook
from typer.testing import CliRunner

from otel_insights.cli import app

RUNS = [
    {"agent_name": "crawler", "job_type": "nightly", "status": "success", "duration_ms": 100, "items_succeeded": 3},
    {"agent_name": "crawler", "job_type": "hourly", "status": "failed", "duration_ms": 300, "items_failed": 2,
     "error_summary": "=cmd|' /C calc'!A0"},
    {"agent_name": "indexer", "job_type": "nightly", "status": "success", "error_summary": 'a, "b"\n\x07c'},
]  # fmt: skip


@pytest.fixture
async def client(tmp_path):
    async with (
        running("{requests_per_second: 0}", store=f"sqlite:///{tmp_path}/i.db") as service,
        client_of(service) as made,
    ):
        for number, run in enumerate(RUNS):
            body = {"event_id": f"r-{number}", "start_time": "2026-01-02T03:04:05Z", **run}
            (await made.post("/api/v1/runs", json=body)).raise_for_status()
        yield made


async def test_runs_are_written_as_csv_in_which_no_text_is_a_formula(client):
    answer = await client.get("/api/v1/runs/export", params={"format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="runs.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["event_id"] for row in rows] == ["r-2", "r-1", "r-0"]
    assert rows[1]["error_summary"] == "'=cmd|' /C calc'!A0"
    assert rows[0]["error_summary"] == 'a, "b"\n c'


async def test_columns_filters_and_limits_are_heeded(client):
    params = {"format": "json", "columns": "status,event_id", "agent_name": "crawler", "limit": 1}
    assert (await client.get("/api/v1/runs/export", params=params)).json() == [{"status": "failed", "event_id": "r-1"}]
    wrong = await client.get("/api/v1/runs/export", params={"columns": "colour"})
    assert (wrong.status_code, "got colour" in wrong.json()["detail"]) == (422, True)


async def test_a_workbook_has_three_sheets_and_no_formula(client):
    answer = await client.get("/api/v1/runs/export", params={"format": "xlsx"})
    book = load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames == ["Runs", "By agent", "By job type"]
    assert all(cell.data_type != "f" for row in book["Runs"].iter_rows() for cell in row)
    header, crawler, indexer = book["By agent"].iter_rows(values_only=True)
    by_agent = dict(zip(header, crawler, strict=True))
    assert (by_agent["runs"], by_agent["success_share"], by_agent["mean_duration_ms"]) == (2, 0.5, 200)
    assert (by_agent["items_succeeded"], by_agent["items_failed"], indexer[0]) == (3, 2, "indexer")


async def test_the_command_writes_what_there_is(client, tmp_path):
    store = ["--store", f"sqlite:///{tmp_path}/i.db"]
    out = tmp_path / "runs.json"
    done = CliRunner().invoke(app, ["export", "runs", "--format", "json", "--out", str(out), *store])
    assert done.exit_code == 0, done.output
    assert len(json.loads(out.read_text())) == 3
    for what in ("clusters", "suggestions", "anomalies", "environments"):
        done = CliRunner().invoke(app, ["export", what, "--format", "json", *store])
        assert done.exit_code == 0, done.output
        assert isinstance(json.loads(done.stdout), list)
    wrong = CliRunner().invoke(app, ["export", "runs", "--columns", "colour", *store])
    assert (wrong.exit_code, "got colour" in wrong.stderr) == (2, True)

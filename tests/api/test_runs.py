"""/api/v1/runs: created once, through the pipelines; listed, changed within limits, told their commit. Rows 107-131."""

import json

import pytest


def run(number: int = 1, **more) -> dict:
    return {"event_id": f"run-{number}", "agent_name": "crawler", "job_type": "nightly", **more}


async def test_row_115_a_run_is_created_once_for_each_event_id(client):
    first = await client.post("/api/v1/runs", json=run(start_time="2026-01-02T03:04:05Z", product="shop"))
    again = await client.post("/api/v1/runs", json=run(agent_name="another", status="failed"))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["status"] == "running"
    assert first.json()["start_time"] == "2026-01-02T03:04:05.000000Z"
    assert len((await client.get("/api/v1/runs")).json()["items"]) == 1


async def test_row_131_a_run_that_is_over_keeps_every_field(client):
    told = run(
        status="partial", start_time="2026-01-02T03:00:00Z", end_time="2026-01-02T03:00:30Z", product="shop",
        platform="k8s", insight_id="f00", input_summary="in", output_summary="out", error_summary="err",
        error_details="more", items_discovered=9, items_succeeded=7, items_failed=2, items_skipped=0,
        git_repo="https://git.example.org/r", git_branch="main", git_commit_hash="9fceb02", commit_source="ci",
        commit_author="Ada",
    )  # fmt: skip
    metrics, context = {"pages": 3, "by": {"host": [1, 2]}}, {"retry": True, "nested": {"a": "b"}}
    answer = (
        await client.post("/api/v1/runs", json={**told, "metrics_json": metrics, "context_json": json.dumps(context)})
    ).json()
    times = {"start_time": "2026-01-02T03:00:00.000000Z", "end_time": "2026-01-02T03:00:30.000000Z"}
    assert {key: answer[key] for key in told} == told | times
    assert answer["duration_ms"] == 30_000
    assert json.loads(answer["metrics_json"]) == metrics
    assert json.loads(answer["context_json"]) == context


async def test_row_116_a_batch_is_created_at_once(client):
    await client.post("/api/v1/runs", json=run(1))
    answer = (await client.post("/api/v1/runs/batch", json=[run(1), run(2), run(3)])).json()
    assert answer == {"created": ["run-2", "run-3"], "existing": ["run-1"]}
    wrong = await client.post("/api/v1/runs/batch", json=[run(4), {"event_id": "x"}])
    assert wrong.status_code == 422
    assert (await client.get("/api/v1/runs/run-4")).status_code == 404


async def test_row_117_and_124_runs_are_listed_by_filters_page_by_page(client):
    runs = [run(n, agent_name="ab"[n % 2], status="success" if n < 3 else "running") for n in range(6)]
    runs += [run(9, job_type="test")]
    await client.post("/api/v1/runs/batch", json=runs)

    async def ids(**asked) -> list[str]:
        return [one["event_id"] for one in (await client.get("/api/v1/runs", params=asked)).json()["items"]]

    assert (await ids())[0] == "run-9"
    assert await ids(agent_name="a") == ["run-4", "run-2", "run-0"]
    assert await ids(status="running", exclude_job_type="test") == ["run-5", "run-4", "run-3"]
    assert await ids(created_before="2020-01-01T00:00:00Z") == []
    first = (await client.get("/api/v1/runs", params={"limit": 4})).json()
    rest = (await client.get("/api/v1/runs", params={"limit": 4, "cursor": first["next"]})).json()
    assert len(first["items"]) + len(rest["items"]) == 7
    assert rest["next"] is None


async def test_row_118_and_125_eleven_fields_can_be_changed_and_each_change_is_kept(client):
    await client.post("/api/v1/runs", json=run())
    changes = {
        "status": "cancelled", "end_time": "2026-01-02T04:00:00Z", "duration_ms": 5, "error_summary": "stale",
        "error_details": "d", "output_summary": "o", "items_succeeded": 1, "items_failed": 2, "items_skipped": 3,
        "metrics_json": '{"a": 1}', "context_json": '{"b": 2}',
    }  # fmt: skip
    changed = (await client.patch("/api/v1/runs/run-1", json=changes)).json()
    assert {key: changed[key] for key in changes} == changes | {"end_time": "2026-01-02T04:00:00.000000Z"}
    shown = (await client.get("/api/v1/runs/run-1")).json()
    assert {one["field"] for one in shown["edits"]} == {*changes, "end_ns"} - {"end_time"}
    await client.patch("/api/v1/runs/run-1", json={"error_summary": None})
    assert (await client.get("/api/v1/runs/run-1")).json()["error_summary"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "done"}, {"error_summary": "x" * 501}, {"error_details": "x" * 5001}, {"output_summary": "x" * 1001},
        {"items_failed": -1}, {"end_time": "soon"}, {"metrics_json": "{"},
    ],
    ids=str,
)  # fmt: skip
async def test_row_126_a_field_beyond_its_limits_is_refused_by_name(client, wrong):
    await client.post("/api/v1/runs", json=run())
    for answer in (
        await client.patch("/api/v1/runs/run-1", json=wrong),
        await client.post("/api/v1/runs", json=run(2, **wrong)),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
        assert next(iter(wrong)) in answer.json()["detail"]


async def test_row_112_a_commit_is_noted(client):
    await client.post("/api/v1/runs", json=run())
    commit = {"commit_hash": "9fceb02", "commit_source": "llm", "commit_author": "Ada"}
    noted = (await client.post("/api/v1/runs/run-1/commit", json=commit)).json()
    assert (noted["git_commit_hash"], noted["commit_source"], noted["commit_author"]) == ("9fceb02", "llm", "Ada")
    unknown = await client.post("/api/v1/runs/run-9/commit", json=commit)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "UNKNOWN_RUN")


async def test_row_120_a_stale_run_can_be_cancelled_by_hand_and_its_own_end_does_not_undo_that(client):
    await client.post("/api/v1/runs", json=run(start_time="2026-01-02T03:04:05Z"))
    await client.patch("/api/v1/runs/run-1", json={"status": "cancelled", "error_summary": "stale"})
    assert (await client.get("/api/v1/runs/run-1")).json()["status"] == "cancelled"

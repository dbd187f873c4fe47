"""The pages of runs, in a browser's words and in a browser."""

import re

import pytest
from api.browsing import browser, needs_chromium, watched
from api.serving import listening
from api.test_pages import HTML, text_of

RUNS = [
    {"event_id": "r-1", "agent_name": "crawler", "job_type": "nightly", "status": "success", "duration_ms": 1500,
     "items_succeeded": 4, "output_summary": "four <b>pages</b>"},
    {"event_id": "r-2", "agent_name": "crawler", "job_type": "test", "status": "failed", "error_summary": "no page"},
    {"event_id": "r/3", "agent_name": "<i>indexer</i>", "job_type": "nightly", "status": "success"},
]  # fmt: skip


async def begun(client) -> None:
    for run in RUNS:
        (await client.post("/api/v1/runs", json={"start_time": "2026-01-02T03:04:05Z", **run})).raise_for_status()


@pytest.fixture
async def told(client):
    await begun(client)


async def html(client, path: str, status: int = 200) -> str:
    answer = await client.get(path, headers=HTML)
    assert answer.status_code == status, answer.text
    return answer.text


async def test_runs_are_listed_with_how_they_went_and_nothing_in_them_is_markup(client, told):
    page = await html(client, "/runs")
    assert "<b>pages" not in page
    assert "<i>indexer" not in page
    text = text_of(page)
    assert "3 runs, the newest first" in text
    assert "crawler 2 50 %" in re.sub(r"\s+", " ", text)


async def test_filters_pages_and_exports_go_together(client, told):
    page = await html(client, "/runs?agent=crawler&exclude_job_type=test")
    assert "1 run, the newest first" in text_of(page)
    (export,) = re.findall(r'href="(/api/v1/runs/export\?format=csv[^"]*)"', page)
    answer = await client.get(export.replace("&amp;", "&"))
    assert answer.text.count("r-1") >= 1
    assert "r-2" not in answer.text
    for number in range(12):
        await client.post("/api/v1/runs", json={"event_id": f"x-{number}", "agent_name": "x", "job_type": "j"})
    first = await html(client, "/runs?rows=10")
    (following,) = re.findall(r'rel="next" href="([^"]+)"', first)
    assert "5 runs, the newest first" in text_of(await html(client, following.replace("&amp;", "&")))
    assert "No run is like that" in text_of(await html(client, "/runs?agent=nobody"))
    for wrong in ("cursor=x", "status=odd", "after=tomorrow"):
        assert "expected" in text_of(await html(client, f"/runs?{wrong}", 422))


async def test_a_run_is_changed_field_by_field_and_the_change_is_shown(client, told):
    page = await html(client, "/runs/r-2")
    assert "no page" in page
    changed = {"status": "partial", "error_summary": "half a page", "items_failed": "3", "output_summary": ""}
    answer = await client.post("/runs/r-2/edit", data=changed, headers=HTML, follow_redirects=True)
    text = text_of(answer.text)
    assert "Changed: status, error_summary, items_failed." in text
    assert "What people changed" in text
    assert (await client.get("/api/v1/runs/r-2")).json()["items_failed"] == 3
    again = await client.post("/runs/r-2/edit", data={"status": "partial"}, headers=HTML, follow_redirects=True)
    assert "Nothing was changed." in text_of(again.text)
    wrong = await client.post("/runs/r-2/edit", data={"items_failed": "some"}, headers=HTML)
    assert "expected a whole number" in text_of(wrong.text)
    assert "there is no run" in text_of(await html(client, "/runs/none", 404))


@needs_chromium
def test_a_person_finds_the_run_that_failed_and_sets_it_right():
    with listening("{endpoint: '127.0.0.1:0', requests_per_second: 0}") as served, browser() as opened:
        import httpx

        with httpx.Client(base_url=served.url) as client:
            for run in RUNS[:2]:
                client.post("/api/v1/runs", json={"start_time": "2026-01-02T03:04:05Z", **run}).raise_for_status()
        with watched(opened, served.url, viewport={"width": 360, "height": 800}) as person:
            person.go("/runs")
            assert not person.is_wider_than_its_window()
            person.page.get_by_label("Status").select_option("failed")
            person.page.get_by_role("button", name="Show").click()
            person.page.get_by_role("link", name="crawler").click()
            person.page.get_by_label("status").select_option("cancelled")
            person.page.get_by_role("button", name="Save").click()
            assert "Changed: status." in person.page.inner_text("main")
            assert not person.is_wider_than_its_window()

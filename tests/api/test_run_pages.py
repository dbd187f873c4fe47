"""The pages of runs, in a browser's words and in a browser."""

import re

import pytest
from api.browsing import browser, needs_chromium, watched
from api.serving import listening
from api.test_pages import HTML, text_of

RUNS = [
    {"event_id": "r-1", "agent_name": "crawler", "job_type": "nightly", "status": "success", "duration_ms": 1500,
     "items_succeeded": 4, "output_summary": "four <b>pages</b>"},
    {"event_id": "r-2", "agent_name": "crawler", "job_type": "test", "status": "failed", "duration_ms": 1500,
     "error_summary": "no page"},
    {"event_id": "r/3", "agent_name": "<i>indexer</i>", "job_type": "nightly", "status": "success",
     "duration_ms": 1500},
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


async def test_runs_are_listed_and_nothing_in_them_is_markup(client, told):
    page = await html(client, "/runs")
    assert "<b>pages" not in page
    assert "<i>indexer" not in page
    assert "3 runs, the newest first" in text_of(page)


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


async def test_how_runs_went_is_drawn_and_said_for_those_that_the_filter_finds(client, told):
    page = await html(client, "/runs/analytics")
    assert "<i>indexer" not in page
    text = text_of(page)
    assert "Of the latest 3 that are like that" in text
    assert "crawler 50 %, 1 of 2 2 1.5 s" in text
    assert "1 to 2 s 3" in text
    assert "2026-01-02 03:00 2 1 0" in text
    assert "nightly 2 100 %" in text
    assert page.count('class="well"') == 1
    assert 'class="well"' not in await html(client, "/runs/analytics?job_type=test")
    assert "No run is like that" in text_of(await html(client, "/runs/analytics?agent=nobody"))
    assert "expected" in text_of(await html(client, "/runs/analytics?status=odd", 422))


async def changes(client, **form) -> str:
    answer = await client.post("/runs/changes", data=form, headers=HTML)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def test_many_runs_are_changed_after_a_look_at_what_would_change(client, told):
    ticked = {"which": "ticked", "id": ["r-1", "r-2", "r-9"], "set": ["status", "error_summary"]}
    path = await changes(client, **ticked, to_status="failed", to_error_summary="")
    text = text_of(await html(client, path))
    assert "2 of 2 runs would change" in text
    assert "There is no run r-9" in text
    assert "crawler r-1 status success failed" in text
    assert "crawler r-2 error_summary no page" in text
    assert (await client.get("/api/v1/runs/r-1")).json()["status"] == "success"
    answer = await client.post(path, headers=HTML, follow_redirects=True)
    assert "2 of 2 runs changed" in text_of(answer.text)
    assert (await client.get("/api/v1/runs/r-1")).json()["status"] == "failed"
    assert (await client.get("/api/v1/runs/r-2")).json()["error_summary"] is None


async def test_all_runs_that_the_filter_finds_are_changed_part_by_part(client, told):
    for begin in range(0, 1200, 400):
        batch = [{"event_id": f"m-{begin + number}", "agent_name": "many"} for number in range(400)]
        (await client.post("/api/v1/runs/batch", json=batch)).raise_for_status()
    path = await changes(client, which="all", agent="many", set="status", to_status="cancelled")
    assert "1,200 of 1,200 runs would change" in text_of(await html(client, path))
    first = (await client.post(path, headers=HTML, follow_redirects=True)).text
    assert "Changing runs: 1,000 of 1,200" in text_of(first)
    assert 'value="1000"' in first
    second = await client.post(path, headers=HTML, follow_redirects=True)
    assert "1,200 of 1,200 runs changed" in text_of(second.text)
    left = await client.get("/api/v1/runs", params={"agent_name": "many", "status": "running"})
    assert left.json()["items"] == []


async def test_a_run_that_went_meanwhile_is_told_and_can_be_tried_again(service, client, told):
    path = await changes(client, which="ticked", id=["r-1", "r-2"], set="status", to_status="partial")
    await service.store.write(lambda db: db.execute("DELETE FROM run WHERE event_id = 'r-1'"))
    text = text_of((await client.post(path, headers=HTML, follow_redirects=True)).text)
    assert "1 of 2 runs changed" in text
    assert "r-1 : there is no run" in text
    assert "Try these again" in text
    again = text_of((await client.post(path, headers=HTML, follow_redirects=True)).text)
    assert "1 of 2 runs changed" in again


@pytest.mark.parametrize(
    "form",
    [
        {"which": "ticked", "set": "status", "to_status": "failed"},
        {"which": "all"},
        {"which": "all", "set": "status", "to_status": "odd"},
        {"which": "all", "set": "agent_name", "to_agent_name": "x"},
        {"which": "all", "status": "odd", "set": "status", "to_status": "failed"},
    ],
    ids=str,
)
async def test_a_change_of_nothing_or_to_what_cannot_be_is_refused_before_anything_changes(client, told, form):
    assert "expected" in text_of((await client.post("/runs/changes", data=form, headers=HTML)).text)
    assert "choose them again" in text_of(await html(client, "/runs/changes/none", 404))


@needs_chromium
def test_a_person_changes_a_thousand_runs_and_sees_it_through():
    with listening("{endpoint: '127.0.0.1:0', requests_per_second: 0}") as served, browser() as opened:
        import httpx

        with httpx.Client(base_url=served.url) as client:
            batch = [{"event_id": f"m-{n}", "agent_name": "many", "status": "failed"} for n in range(1000)]
            client.post("/api/v1/runs/batch", json=batch).raise_for_status()
            client.post("/api/v1/runs/batch", json=[{**one, "event_id": f"n-{one['event_id']}"} for one in batch])
        with watched(opened, served.url, viewport={"width": 360, "height": 800}) as person:
            person.go("/runs?agent=many&rows=10")
            person.page.get_by_text("Change several of them").click()
            person.page.get_by_label("all that the filter finds").check()
            person.page.get_by_label("Set status").check()
            person.page.locator("select[name=to_status]").select_option("partial")
            assert not person.is_wider_than_its_window()
            person.page.get_by_role("button", name="Show what would change").click()
            assert person.heading() == "2,000 of 2,000 runs would change"
            assert not person.is_wider_than_its_window()
            person.page.get_by_role("button", name="Change 2,000 runs").click()
            person.page.get_by_role("heading", name="2,000 of 2,000 runs changed").wait_for(timeout=20_000)
            person.go("/runs/analytics?agent=many")
            assert not person.is_wider_than_its_window()


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
            person.page.get_by_role("search").get_by_label("Status").select_option("failed")
            person.page.get_by_role("button", name="Show").click()
            person.page.get_by_role("link", name="crawler").click()
            person.page.get_by_label("status").select_option("cancelled")
            person.page.get_by_role("button", name="Save").click()
            assert "Changed: status." in person.page.inner_text("main")
            assert not person.is_wider_than_its_window()

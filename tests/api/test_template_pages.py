"""The pages of log templates and of the latest lines, over records that really pass."""

import re

import pytest
from api.browsing import browser, needs_chromium, watched
from api.seeding import EVIL
from api.serving import client_of, listening, running
from api.test_pages import HTML, text_of
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from otlp_samples import MINUTE, T0, Sink, gauge, log, logs, passing, resource, values

from otel_insights import semconv
from otel_insights.component import ComponentId

HOUR = 3600 * 10**9
ID = semconv.LOG_TEMPLATE_ID


def at(time_ns: int, body: str, *, severity: int = 9, trace: bytes = b"t" * 16) -> LogRecord:
    record = log(body, {"order.id": "o-1"}, trace_id=trace, span_id=b"s" * 8)
    record.time_unix_nano, record.severity_number = T0 + time_ns, severity
    return record


async def send(service, *records, of: str = "shop") -> list[str]:
    """Send records of a service; the ids of their templates."""
    sink = Sink()
    await passing([service.processors[ComponentId("logs")]], logs(*records, of=resource(service=of)), sink)
    return [str(values(one.attributes)[ID]) for one in sink.logs()]


async def feed(service) -> dict[str, str]:
    """Two services in two hours; ids by what they are about."""
    took, warned, lost, _ = await send(
        service,
        at(1, "took 3 s"),
        at(2, "card of ann is nearly at its end", severity=13),
        at(HOUR, "lost the bank <b>for good</b>", severity=17),
        at(HOUR + 1, "took 4 s", severity=13),
    )
    (elsewhere,) = await send(service, at(3, "till is open"), of="till")
    return {"took": took, "warned": warned, "lost": lost, "elsewhere": elsewhere}


@pytest.fixture
async def fed(service):
    return await feed(service)


async def html(client, path: str, status: int = 200) -> str:
    answer = await client.get(path, headers=HTML)
    assert answer.status_code == status, answer.text
    return answer.text


def titles(page: str) -> list[str]:
    return re.findall(r'class="title[^"]*" href="/templates/(\w+)"', page)


async def test_templates_are_filtered_and_ordered(client, fed):
    took, warned, lost, elsewhere = fed.values()
    assert titles(await html(client, "/templates")) == [took, lost, elsewhere, warned]
    assert titles(await html(client, "/templates?order=count"))[0] == took
    assert titles(await html(client, "/templates?order=first")) == [lost, elsewhere, warned, took]
    assert titles(await html(client, "/templates?severity=WARN")) == [took, warned]
    assert titles(await html(client, "/templates?service=till")) == [elsewhere]
    assert titles(await html(client, "/templates?q=CARD+of")) == [warned]
    assert titles(await html(client, f"/templates?q={lost}")) == [lost]
    text = text_of(await html(client, "/templates?q=took"))
    assert "took &lt;*&gt; shop ongoing 2 INFO 1 WARN 1" in re.sub(r"\s+", " ", text)
    for wrong in ("state=odd", "order=odd", "cursor=odd"):
        assert "expected" in text_of(await html(client, f"/templates?{wrong}", 422))
    assert "No template is like that" in await html(client, "/templates?service=nobody")


async def test_what_is_new_surges_or_has_vanished_is_found_by_its_state(service, client):
    for hour in range(40):
        waiting = [at(hour * HOUR + n, f"pool is exhausted, {n} wait") for n in range(60 if hour == 39 else 1)]
        steady, surging, *_ = await send(service, at(hour * HOUR, f"steady {hour}"), *waiting)
        if hour < 20:
            (gone,) = await send(service, at(hour * HOUR + 1, f"every hour until twenty: {hour}"))
    (fresh,) = await send(service, at(39 * HOUR, "never heard of before"))
    assert await service.analyse()
    assert titles(await html(client, "/templates?state=new")) == [fresh]
    assert titles(await html(client, "/templates?state=surging")) == [surging]
    assert titles(await html(client, "/templates?state=vanished")) == [gone]
    assert steady in titles(await html(client, "/templates"))


async def test_links_lead_from_page_to_page_and_miss_no_template(service, client):
    words = [f"{first}{second}" for first in "abcdefghijk" for second in "lmnopqrstuv"]
    for number, word in enumerate(words):
        await send(service, at(number * MINUTE, f"{word} was {word[::-1]}"), of=f"service {number % 7}")
    every = (await client.get("/api/v1/templates", params={"limit": 500})).json()["items"]
    for order in ("last", "first", "count"):
        seen, path = [], f"/templates?order={order}"
        while path:
            page = await html(client, path)
            seen += titles(page)
            following = re.search(r'rel="next" href="([^"]+)"', page)
            path = following[1].replace("&amp;", "&") if following else ""
        assert len(seen) == len(every) > 100
        assert set(seen) == {one["id"] for one in every}


async def test_a_template_is_shown_with_its_first_lines_and_what_they_were_logged_as(client, fed):
    text = re.sub(r"\s+", " ", text_of(await html(client, f"/templates/{fed['took']}")))
    assert "2 records shop service" in text
    assert "Logged as WARN 1 50 % INFO 1 50 %" in text
    assert "took 3 s INFO 2023-11-14 22:13" in text
    assert "74" * 16 in text
    assert f'href="/logs?template={fed["took"]}"' in await html(client, f"/templates/{fed['took']}")
    assert "there is no log template" in text_of(await html(client, "/templates/none", 404))


async def test_a_template_and_the_anomaly_that_it_rose_with_lead_to_each_other(service, client):
    for hour in range(12):
        waiting = [at(hour * HOUR + n, f"pool is exhausted, {n} wait") for n in range(60 if hour == 10 else 1)]
        await send(service, *waiting, *[at(hour * HOUR + n, f"served {n}") for n in range(5)])
    points = {minute: 100.0 + minute % 3 for minute in range(12 * 60)} | dict.fromkeys(range(610, 620), 900.0)
    await passing([service.processors[ComponentId("anomalies")]], gauge(points), Sink())
    (anomaly,) = (await client.get("/api/v1/anomalies")).json()["items"]
    page = await html(client, f"/anomalies/{anomaly['id']}")
    assert "pool is exhausted, &lt;*&gt; wait" in page
    assert "served &lt;" not in page
    (rose,) = (await client.get(f"/api/v1/anomalies/{anomaly['id']}")).json()["rose_with_templates"]
    assert (rose["count"], rose["usual"]) == (60, 1)
    back = await html(client, f"/templates/{rose['id']}")
    assert f'href="/anomalies/{anomaly["id"]}"' in back
    told = (await client.get(f"/api/v1/templates/{rose['id']}")).json()["rose_with_anomalies"]
    assert [one["id"] for one in told] == [anomaly["id"]]


async def said(client, path: str, **form) -> str:
    answer = await client.post(path, data=form, headers=HTML, follow_redirects=True)
    return text_of(answer.text)


async def test_a_person_renames_merges_and_splits_templates_and_lines_to_come_heed_it(service, client, fed):
    took, warned, _, elsewhere = fed.values()
    assert "Renamed." in await said(client, f"/templates/{took}/rename", name="Duration <i>of</i> orders")
    page = await html(client, "/templates?q=duration")
    assert "Duration &lt;i&gt;of&lt;/i&gt; orders" in page
    assert f"{warned} is part of this template now." in await said(client, f"/templates/{took}/merge", other=warned)
    assert "3 records" in text_of(await html(client, f"/templates/{took}"))
    moved = await client.get(f"/templates/{warned}", headers=HTML)
    assert moved.headers["location"].startswith(f"/templates/{took}?said=")
    assert "different services" in await said(client, f"/templates/{took}/merge", other=elsewhere)
    assert "there is no log template" in await said(client, f"/templates/{took}/merge", other="none")
    split = await said(client, f"/templates/{took}/split", pattern="took * s in all")
    assert "Lines that match pattern 1 are a template of their own" in split
    assert "without digits" in await said(client, f"/templates/{took}/split", pattern="took 3 s")
    assert await service.analyse()
    again, whole = await send(service, at(2 * HOUR, "card of ann is nearly at its end"), at(5, "took 3 s in all"))
    assert again == took
    assert whole != took


async def test_patterns_of_ones_own_are_added_listed_and_taken_back(service, client):
    added = await said(client, "/templates/patterns/add", pattern="card of * <declined>", service="shop", namespace="")
    assert "Pattern 1 is there." in added
    assert "card of * &lt;declined&gt; shop" in re.sub(r"\s+", " ", added)
    assert "expected a service with its namespace" in await said(
        client, "/templates/patterns/add", pattern="a *", namespace="n"
    )
    assert "Pattern 1 is gone." in await said(client, "/templates/patterns/remove", pattern="1")
    for wrong in ("1", "x", "9" * 40):
        assert "there is no pattern" in await said(client, "/templates/patterns/remove", pattern=wrong)


async def test_who_may_only_read_is_shown_no_form_and_can_change_nothing():
    async with running("{auth: {read_token: look, write_token: change}}") as service:
        ids = await feed(service)
        async with client_of(service, headers={"authorization": "Bearer look"}) as client:
            for path in ("/templates", f"/templates/{ids['took']}"):
                assert '<form method="post" action="/templates' not in await html(client, path)
            answer = await client.post(f"/templates/{ids['took']}/rename", data={"name": "x"}, headers=HTML)
            assert answer.status_code == 403


async def test_the_latest_lines_are_shown_by_level_time_template_and_text(client, fed):
    def lines(page: str) -> list[str]:
        return re.findall(r'<span class="mono lines">(.*?)</span>', page)

    page = await html(client, "/logs")
    assert lines(page)[0] == "till is open"
    assert "lost the bank &lt;b&gt;for good&lt;/b&gt;" in lines(page)
    assert f'href="/templates/{fed["took"]}"' in page
    assert "order.id o-1" in re.sub(r"\s+", " ", text_of(page))
    assert lines(await html(client, "/logs?level=error")) == ["lost the bank &lt;b&gt;for good&lt;/b&gt;"]
    assert lines(await html(client, "/logs?service=till")) == ["till is open"]
    assert lines(await html(client, f"/logs?template={fed['took']}")) == ["took 4 s", "took 3 s"]
    assert lines(await html(client, "/logs?text=OPEN")) == ["till is open"]
    assert len(lines(await html(client, "/logs?since=2023-11-14T23:00:00Z"))) == 2
    assert "No record that is kept is like that" in await html(client, "/logs?text=nothing+of+the+kind")
    for wrong in ("level=odd", "since=tomorrow", "cursor=x"):
        assert "expected" in text_of(await html(client, f"/logs?{wrong}", 422))
    assert len(lines(await html(client, f"/logs?since={'9' * 30}h"))) == 5
    assert len(lines(await html(client, "/logs?since=0001-01-01T00:00:00Z"))) == 5
    assert lines(await html(client, "/logs?since=9999-01-01T00:00:00Z")) == []


async def test_the_latest_lines_go_on_from_page_to_page(service, client):
    await send(service, *[at(number, f"line {number} of many") for number in range(250)])
    seen, path = [], "/logs"
    while path:
        page = await html(client, path)
        seen += re.findall(r"line (\d+) of many</span>", page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        path = following[1].replace("&amp;", "&") if following else ""
    assert seen == [str(number) for number in reversed(range(250))]


async def test_nothing_that_a_line_says_is_markup_and_an_empty_store_says_what_is_missing(service, client):
    assert "processor <code>logs</code>" in await html(client, "/templates")
    assert "processor <code>logs</code>" in await html(client, "/logs")
    (evil,) = await send(service, at(1, EVIL), of=EVIL)
    for path in ("/templates", f"/templates/{evil}", "/logs", "/logs?text=%3Cscript%3E", f"/templates?q={evil}"):
        page = await html(client, path)
        assert re.findall(r"<script(?! src=\"/static/)", page) == []
        assert "<img src=x" not in page
        assert "49098049" not in text_of(page)


async def test_what_services_log_alike_is_summarised_and_one_kind_shown_whole(client, fed):
    page = await html(client, "/log-clusters")
    assert "1 ERROR record says: lost the bank &lt;b&gt;for good&lt;&lt;*&gt;&gt;. Logged by shop (1)" in page
    (path,) = re.findall(r'href="(/log-clusters/\w+)"', page)
    whole = await html(client, path)
    assert "1 record says: lost the bank &lt;b&gt;for good&lt;&lt;*&gt;&gt;." in whole
    assert f'href="/templates/{fed["lost"]}"' in whole
    assert len(re.findall(r'href="/log-clusters/\w+"', await html(client, "/log-clusters?severity="))) == 4
    assert "Nothing is like that" in await html(client, "/log-clusters?text=nothing+of+the+kind")
    assert "there is no group" in await html(client, "/log-clusters/x", 404)


@needs_chromium
def test_a_person_goes_from_a_template_to_its_lines_and_names_it_by_keyboard_by_night_and_on_a_phone():
    with listening("{endpoint: '127.0.0.1:0', requests_per_second: 0}") as served, browser() as opened:
        served.there(feed(served.service))
        size = {"width": 360, "height": 800}
        with watched(opened, served.url, color_scheme="dark", viewport=size) as person:
            person.go("/templates")
            assert not person.is_wider_than_its_window()
            person.page.get_by_label("Text, name or id").fill("lost")
            person.page.keyboard.press("Enter")
            person.page.get_by_role("link", name="lost the bank").click()
            assert not person.is_wider_than_its_window()
            person.page.get_by_label("Name, none takes it back").fill("Bank lost")
            person.page.keyboard.press("Enter")
            person.page.wait_for_url("**/templates/*said=*")
            assert person.heading() == "Bank lost"
            person.page.get_by_role("link", name="The latest lines").click()
            assert not person.is_wider_than_its_window()
            person.page.locator("summary", has_text="lost the bank").press("Enter")
            assert "o-1" in person.page.inner_text("main")

"""The page as it is served: for browsers and for others, filtered and paged, with nothing unescaped."""

import re

import pytest
from api.seeding import EVIL, refuse, send
from api.serving import client_of, running
from otlp_samples import raised, resource, span, spans

from otel_insights.store import deliveries

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


async def test_a_browser_gets_the_overview_where_others_get_the_heartbeat(shop, visitor):
    assert (await visitor.get("/")).json()["status"] == "ok"
    answer = await visitor.get("/", headers=HTML)
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    text = text_of(answer.text)
    assert "3 open clusters" in text
    assert "41 environments" not in text
    assert "20 of the 20 failing environments run numpy 2.0" in text
    assert answer.text.count('aria-current="page"') == 1


async def test_an_empty_store_says_what_to_do(client):
    assert "Nothing has arrived yet" in (await client.get("/", headers=HTML)).text
    assert "No cluster is like that" in (await client.get("/clusters", headers=HTML)).text
    assert "There is no open cluster" in (await client.get("/map", headers=HTML)).text


async def test_clusters_are_filtered_by_text_state_namespace_and_service(shop, visitor):

    async def titles(**asked) -> list[str]:
        html = (await visitor.get("/clusters", params=asked, headers=HTML)).text
        return re.findall(r'class="title"[^>]*>(\w+)', html)

    assert sorted(await titles()) == ["KeyError", "RuntimeError", "ValueError"]
    assert (await titles(order="count"))[0] == "ValueError"
    assert await titles(q="no CARD can") == ["ValueError"]
    assert await titles(service="till") == ["RuntimeError"]
    assert await titles(namespace="<i>pay</i>") == ["RuntimeError"]
    assert await titles(state="resolved") == []


async def test_links_lead_from_page_to_page_and_miss_no_cluster(service, client):
    for number in range(120):
        name = "".join(chr(97 + int(digit)) for digit in f"{number:03}")
        made = {"exception.type": f"{name.title()}Error", "exception.message": name * 3, "exception.stacktrace": ""}
        await send(service, spans(span(number + 1, made), of=resource("i-1", name)))
    await service.analyse()
    for order in ("last", "first", "count", "environments"):
        seen, path = [], f"/clusters?order={order}"
        while path:
            html = (await client.get(path, headers=HTML)).text
            seen += re.findall(r'class="title" href="/clusters/(\w+)"', html)
            following = re.search(r'rel="next" href="([^"]+)"', html)
            path = following[1].replace("&amp;", "&") if following else ""
        every = (await client.get("/api/v1/clusters", params={"limit": 500})).json()["items"]
        assert len(seen) == len(every)
        assert set(seen) == {one["id"] for one in every}


@pytest.mark.parametrize("asked", ["state=odd", "order=odd", "cursor=odd", "cursor=nan~x", f"q={'x' * 301}"])
async def test_a_mistake_in_an_address_is_told_to_a_person_as_a_page_and_to_a_program_as_a_problem(client, asked):
    answer = await client.get(f"/clusters?{asked}", headers=HTML)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "text/html; charset=utf-8")
    assert 'role="alert"' in answer.text
    assert (await client.get(f"/clusters?{asked}")).json()["code"] == "INVALID_REQUEST"


async def test_what_telemetry_says_is_text_and_never_markup(shop, visitor):
    await send(shop, spans(span(1, raised(refuse, EVIL)), of=resource("a", EVIL, EVIL)))
    await shop.analyse()
    for path in (
        "/",
        "/clusters",
        "/clusters?q=%3Cscript%3E",
        "/environments",
        "/environments/41",
        "/?said=%3Cscript%3Ealert(3)%3C/script%3E",
    ):
        html = (await visitor.get(path, headers=HTML)).text
        assert re.findall(r"<script(?! src=\"/static/)", html) == []
        assert "<img src=x" not in html
        assert "<i>pay" not in html
        assert "49098049" not in text_of(html)


async def test_a_reader_is_led_to_sign_in_and_back_to_the_overview():
    async with running("{auth: {read_token: look, write_token: change}}") as service, client_of(service) as client:
        assert (await client.get("/", headers=HTML)).headers["location"] == "/login"
        assert (await client.get("/clusters", headers=HTML)).headers["location"] == "/login"
        assert (await client.post("/login", data={"token": "look"})).headers["location"] == "/"
        assert (await client.get("/", headers=HTML)).status_code == 200


async def test_environments_are_found_by_what_they_run_and_by_whether_they_fail(shop, visitor):

    async def found(**asked) -> list[str]:
        html = (await visitor.get("/environments", params=asked, headers=HTML)).text
        return re.findall(r'class="title" href="/environments/(\d+)"', html)

    assert len(await found(q='numpy":"2.0"')) == 20
    assert len(await found(service="till")) == 1
    assert len(await found(failing="yes")) == 22
    assert len(await found(failing="no", service="shop")) == 20
    assert await found(q="nobody") == []
    assert len(await found(q="I-07")) == 1


async def test_two_environments_are_compared(shop, visitor):
    text = text_of((await visitor.get("/environments/compare?id=1&id=22", headers=HTML)).text)
    assert "Packages (1) Name shop i-00 shop i-21 numpy 2.0 1.26" in text
    assert "release 1.4 1.5" in text
    assert "2 keys are the same" in text
    assert "in tests.otlp_samples.charge 1 0" in text
    one = text_of((await visitor.get("/environments/1", headers=HTML)).text)
    assert "numpy 2.0" in one
    assert "i-39, 1.5, no failures" in one


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        ("/compare?id=1", 422, "expected two environments to compare, got 1"),
        ("/compare", 422, "query.id"),
        ("/compare?id=1&id=99", 404, "there is no environment 99"),
        (f"/{10**30}", 422, "number"),
        ("/x", 422, "number"),
        ("?cursor=1~x", 422, "query.cursor"),
    ],
)
async def test_environments_that_are_not_there_are_told_as_a_page(service, client, asked, status, told):
    await send(service, spans(span(1), of=resource()))
    answer = await client.get(f"/environments{asked}", headers=HTML)
    assert (answer.status_code, told in answer.text) == (status, True)


async def test_the_map_shows_each_open_cluster_as_a_circle_and_in_a_table(shop, visitor):
    html = (await visitor.get("/map", headers=HTML)).text
    assert html.count("<circle") == 3
    assert len(re.findall(r'<th scope="row"><a href="/clusters/', html)) >= 3
    assert (await visitor.get("/map?namespace=%3Ci%3Epay%3C/i%3E", headers=HTML)).text.count("<circle") == 1


async def test_settings_show_health_first_and_no_secret():
    secret = "hunter2-hunter2"
    async with running(f"{{auth: {{write_token: '{secret}'}}}}") as service, client_of(service) as client:
        await client.post("/login", data={"token": secret})
        service.metrics.add("otelcol_exporter_sent_spans", 5, exporter="otlp")
        service.metrics.add("otelcol_exporter_send_failed_spans", 2, exporter="otlp")
        html = (await client.get("/settings", headers=HTML)).text
        assert secret not in html
        text = text_of(html)
        assert text.index("otelcol_exporter_send_failed_spans look exporter otlp 2") < text.index("sent_spans exporter")
        assert "traces otlp_http environments, exceptions, suggestions none" in text
        assert "endpoint: 127.0.0.1:0" in text


async def test_alerts_that_failed_are_shown_and_sent_again(service, client):
    alert = deliveries.Alert("f-1", "cluster.created", "c-1", b"")
    await service.store.write(deliveries.put, "webhook", [alert], service.now_ns())
    await service.store.write(deliveries.settle, [1], "failed", service.now_ns(), "500 <b>no</b>")
    text = text_of((await client.get("/settings", headers=HTML)).text)
    assert "cluster.created webhook failed" in text
    answer = await client.post("/settings/alerts", data={"id": "1"}, headers=HTML, follow_redirects=True)
    assert "1 alert to be sent again." in answer.text
    assert [one.state for one in await service.store.read(deliveries.listed)] == ["waiting"]
    assert (await client.post("/settings/alerts", data={"id": "x"}, headers=HTML)).status_code == 422


async def test_a_person_has_all_analysed_at_once(service, client):
    await send(service, spans(span(1, raised(refuse, "no")), of=resource()))
    answer = await client.post("/settings/analysis", headers=HTML, follow_redirects=True)
    assert "is analysed; clusters: 1." in answer.text


async def test_who_is_at_no_page_of_ours_is_told_so_and_a_program_gets_a_problem(client):
    answer = await client.get("/nowhere", headers=HTML)
    assert (answer.status_code, 'href="/">Overview' in answer.text) == (404, True)
    for path, headers in (("/nowhere", {}), ("/api/v1/nowhere", HTML), ("/api/v1/clusters/none", HTML)):
        answer = await client.get(path, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")

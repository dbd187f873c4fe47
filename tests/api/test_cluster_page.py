"""The page of one cluster, and what people correct there."""

import re

import pytest
from api.serving import client_of, running
from api.test_pages import HTML, text_of


async def ids(client) -> dict[str, str]:
    return {one["exception_type"]: one["id"] for one in (await client.get("/api/v1/clusters")).json()["items"]}


@pytest.fixture
async def client(visitor):
    return visitor


@pytest.fixture
async def seeded(client):
    return await ids(client)


async def shown(client, id_: str) -> str:
    answer = await client.get(f"/clusters/{id_}", headers=HTML, follow_redirects=True)
    assert answer.status_code == 200
    return text_of(answer.text)


async def test_a_cluster_tells_what_explains_it_with_shares_and_their_intervals(client, seeded):
    text = await shown(client, seeded["ValueError"])
    assert "established numpy 2.0" in text
    assert "20 of 20 84 % to 100 %" in text
    assert "0 of 20 0 % to 16 %" in text
    assert "Remedy: numpy 1.26 , seen healthy in shop i-01" in text
    assert "The message without its values" in text or "line tells failures apart" in text
    assert "1.4 shop" in text
    assert "1.5 shop" in text
    assert f"{39:032x}" in text
    assert "Nothing is established: not enough environments." in await shown(client, seeded["KeyError"])


async def test_traces_are_links_where_somebody_says_to_what(copied_store):
    url = "https://grafana.example/explore?trace={trace_id}&span={span_id}"
    async with running(f"{{trace_url: '{url}'}}", copied_store) as service, client_of(service) as client:
        html = (await client.get(f"/clusters/{(await ids(client))['KeyError']}", headers=HTML)).text
        assert f'href="https://grafana.example/explore?trace={92:032x}&amp;span={92:016x}"' in html


async def test_people_merge_and_an_old_address_leads_on(client, seeded):
    into, other = seeded["ValueError"], seeded["KeyError"]
    answer = await client.post(f"/clusters/{into}/merge", data={"other": other})
    assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, f"/clusters/{into}")
    assert other not in (await ids(client)).values()
    text = await shown(client, other)
    assert f"{other} is part of this cluster now." in text
    assert f"{other} merged into this one by person" in text
    assert "22 occurrences" in text


async def test_people_split_what_was_merged(client, seeded):
    into = seeded["ValueError"]
    await client.post(f"/clusters/{into}/merge", data={"other": seeded["KeyError"]})
    html = (await client.get(f"/clusters/{into}", headers=HTML)).text
    *_, rarest = re.findall(r'name="fingerprint" value="(\w+)"', html)
    answer = await client.post(f"/clusters/{into}/split", data={"fingerprint": [rarest]}, headers=HTML)
    assert "2 occurrences" in await shown(client, answer.headers["location"].removeprefix("/clusters/"))
    assert "20 occurrences" in await shown(client, into)


async def test_people_rename_resolve_and_archive(client, seeded):
    id_ = seeded["KeyError"]
    await client.post(f"/clusters/{id_}/rename", data={"title": "Orders <b>gone</b>"})
    assert "<b>gone" not in (await client.get(f"/clusters/{id_}", headers=HTML)).text
    await client.post(f"/clusters/{id_}/resolve")
    assert "resolved since" in await shown(client, id_)
    assert "Orders" not in (await client.get("/clusters", headers=HTML)).text
    assert "Orders" in (await client.get("/clusters?state=resolved", headers=HTML)).text
    await client.post(f"/clusters/{id_}/archive", data={"until": "7d"})
    assert "archived since" in await shown(client, id_)


async def test_people_say_that_an_explanation_is_right_or_wrong(shop, client, seeded):
    id_ = seeded["ValueError"]
    html = (await client.get(f"/clusters/{id_}", headers=HTML)).text
    path = re.search(r'action="(/suggestions/\w+/feedback)"', html)[1]
    await client.post(path, data={"verdict": "fixed-it", "version": "numpy==1.26.4"})
    await shop.analyse()
    assert "Reported to have fixed it: numpy 1.26.4 (1 report)" in await shown(client, id_)
    await client.post(path, data={"verdict": "wrong"})
    await shop.analyse()
    assert "established numpy 2.0" not in await shown(client, id_)


MISTAKES = (
    ("/clusters/{}/merge", {"other": "nothing"}, 404, "there is no cluster &#39;nothing&#39;"),
    ("/clusters/{}/merge", {"other": "{}"}, 409, "both are the cluster"),
    ("/clusters/{}/merge", {}, 422, "other: expected a field"),
    ("/clusters/{}/split", {"fingerprint": "x"}, 409, "not in the cluster"),
    ("/clusters/{}/rename", {"title": " "}, 409, "expected a title"),
    ("/clusters/{}/archive", {"until": "soon"}, 409, "expected a time such as"),
    ("/clusters/nothing/resolve", {}, 404, "there is no cluster"),
    ("/suggestions/nothing/feedback", {"verdict": "wrong"}, 404, "there is no suggestion"),
    ("/suggestions/nothing/feedback", {"verdict": "odd"}, 422, "expected wrong or fixed-it"),
)


async def test_what_cannot_be_done_is_told_and_changes_nothing(client, seeded):
    id_ = seeded["KeyError"]
    form = {"content-type": "application/x-www-form-urlencoded"}
    for path, data, status, told in MISTAKES:
        filled = {name: value.format(id_) for name, value in data.items()}
        answer = await client.post(path.format(id_), data=filled, headers=HTML | form)
        assert (answer.status_code, told in answer.text) == (status, True), answer.text
        assert 'role="alert"' in answer.text
    assert await ids(client) == seeded


async def test_who_may_only_read_sees_no_forms_and_can_send_none(copied_store):
    async with (
        running("{auth: {read_token: look, write_token: change}}", copied_store) as service,
        client_of(service) as client,
    ):
        await client.post("/login", data={"token": "look"})
        (id_, *_) = (await ids(client)).values()
        assert "/logout" in (html := (await client.get(f"/clusters/{id_}", headers=HTML)).text)
        assert re.findall(r'action="/(?!logout)', html) == []
        assert (await client.post(f"/clusters/{id_}/resolve")).json()["code"] == "READ_ONLY"
        await client.post("/login", data={"token": "change"})
        assert re.findall(r'action="/clusters', (await client.get(f"/clusters/{id_}", headers=HTML)).text)
        answer = await client.post(f"/clusters/{id_}/resolve", headers={"sec-fetch-site": "cross-site"})
        assert answer.json()["code"] == "CROSS_ORIGIN"

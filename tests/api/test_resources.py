"""Environments, services, suggestions, and corrections of clusters, over a running service."""

import pytest
from api.test_api import send
from otlp_samples import charge, log, logs, look_up, package, raised, resource, span, spans


@pytest.fixture
async def fleet(service, client):
    """Twenty environments with numpy 2.0, which fail, and twenty with 1.26; one other failure."""
    for number in range(40):
        bad = number % 2 == 0
        of = resource(f"i-{number}", "shop" if number < 30 else "till", "demo")
        records = [package("numpy", "2.0" if bad else "1.26"), log("served", {"log_count": 100})]
        await send(service, logs(*records, of=of), spans(span(number + 1, *[raised(charge, number)] * bad), of=of))
    await send(service, spans(span(99, raised(look_up, "o-1")), of=resource("i-99", "shop", "demo")))
    await client.post("/api/v1/analysis")


async def pages(client, path: str, **params) -> list[dict]:
    found, cursor = [], {}
    while True:
        page = (await client.get(path, params={**params, **cursor})).raise_for_status().json()
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


async def test_environments_are_listed_by_pages_and_filters(client, fleet):
    everything = await pages(client, "/api/v1/environments", limit=7)
    assert len(everything) == len({one["id"] for one in everything}) == 41
    assert len(await pages(client, "/api/v1/environments", service="till")) == 10
    assert await pages(client, "/api/v1/environments", namespace="elsewhere") == []


async def test_an_environment_is_shown_with_its_configuration_and_its_failures(client, fleet):
    first = (await pages(client, "/api/v1/environments"))[0]
    shown = (await client.get(f"/api/v1/environments/{first['id']}")).json()
    assert shown["configuration"]["package.numpy"] == "2.0"
    assert [one["count"] for one in shown["failing_in"]] == [1]
    unknown = await client.get("/api/v1/environments/4000")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "UNKNOWN_ENVIRONMENT")


async def test_two_environments_are_compared(client, fleet):
    one, other = (await pages(client, "/api/v1/environments"))[:2]
    found = (await client.get(f"/api/v1/environments/{one['id']}/differences", params={"with": other["id"]})).json()
    assert found["differing"] == [{"key": "package.numpy", "one": "2.0", "other": "1.26"}]
    assert len(found["only_one_fails_in"]) == 1
    assert found["only_other_fails_in"] == []
    unknown = await client.get(f"/api/v1/environments/{one['id']}/differences", params={"with": 4000})
    assert unknown.status_code == 404


async def test_services_are_listed_with_how_many_environments_fail(client, fleet):
    found = await pages(client, "/api/v1/services", limit=1)
    assert [(one["name"], one["environments"], one["failing_environments"]) for one in found] == [
        ("shop", 31, 16),
        ("till", 10, 5),
    ]
    wrong = await client.get("/api/v1/services", params={"cursor": "x"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "INVALID_REQUEST")


async def test_suggestions_are_listed_and_shown_also_when_they_no_longer_hold(client, fleet):
    (one, *_) = await pages(client, "/api/v1/suggestions", tier="established", limit=1)
    assert one["holds"]
    assert one["conditions"][0]["key"] == "package.numpy"
    await client.post(f"/api/v1/suggestions/{one['id']}/feedback", json={"verdict": "wrong"})
    await client.post("/api/v1/analysis")
    assert one["id"] not in {each["id"] for each in await pages(client, "/api/v1/suggestions")}
    assert one["id"] in {each["id"] for each in await pages(client, "/api/v1/suggestions", state="withdrawn")}
    assert (await client.get(f"/api/v1/suggestions/{one['id']}")).json()["holds"] is False
    assert (await client.get("/api/v1/suggestions/none")).status_code == 404


async def cluster_ids(client) -> dict[str, str]:
    return {one["exception_type"]: one["id"] for one in await pages(client, "/api/v1/clusters")}


async def test_clusters_are_renamed_merged_and_split(client, fleet):
    ids = await cluster_ids(client)
    into, other = ids["ValueError"], ids["KeyError"]
    renamed = await client.patch(f"/api/v1/clusters/{into}", json={"title": "No card"})
    assert renamed.json() == {"id": into, "text": f"{into}: No card"}
    merged = await client.post(f"/api/v1/clusters/{into}/merge", json={"other": other})
    assert merged.json()["id"] == into
    shown = (await client.get(f"/api/v1/clusters/{other}")).json()
    assert (shown["id"], shown["title"], shown["count"]) == (into, "No card", 21)
    split = await client.post(f"/api/v1/clusters/{into}/split", json={"fingerprints": shown["fingerprints"][:1]})
    assert split.json()["id"] not in {into, other}
    again = await client.post(f"/api/v1/clusters/{into}/merge", json={"other": into})
    assert (again.status_code, again.json()["code"]) == (409, "WRONG_CORRECTION")
    unknown = await client.post(f"/api/v1/clusters/{into}/merge", json={"other": "none"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "UNKNOWN")


async def test_clusters_are_resolved_and_archived(client, fleet):
    ids = await cluster_ids(client)
    await client.post(f"/api/v1/clusters/{ids['KeyError']}/resolve")
    archived = await client.post(f"/api/v1/clusters/{ids['ValueError']}/archive", json={"until": "7d"})
    assert "is archived until" in archived.json()["text"]
    states = {one["exception_type"]: one["state"] for one in await pages(client, "/api/v1/clusters")}
    assert states == {"KeyError": "resolved", "ValueError": "archived"}
    wrong = await client.post(f"/api/v1/clusters/{ids['ValueError']}/archive", json={"until": "tomorrow"})
    assert (wrong.status_code, "body.until" in wrong.json()["detail"]) == (422, True)


async def test_rules_are_added_listed_and_removed(client, fleet):
    ids = await cluster_ids(client)
    added = await client.post("/api/v1/rules", json={"cluster_id": ids["ValueError"], "type": "KeyError"})
    assert (added.status_code, added.json()["moved"]) == (201, 1)
    (rule,) = (await client.get("/api/v1/rules")).json()
    assert (rule["cluster_id"], rule["type"]) == (ids["ValueError"], "KeyError")
    assert (await client.delete(f"/api/v1/rules/{rule['rule']}")).status_code == 204
    assert (await client.get("/api/v1/rules")).json() == []
    assert (await client.delete(f"/api/v1/rules/{rule['rule']}")).status_code == 404
    empty = await client.post("/api/v1/rules", json={"cluster_id": ids["ValueError"]})
    assert empty.status_code == 409

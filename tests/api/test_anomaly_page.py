"""The pages of anomalies and incidents, found in points that really pass."""

import random
import re

import pytest
from api.browsing import browser, needs_chromium, watched
from api.serving import listening
from api.test_pages import HTML, text_of
from otlp_samples import Sink, gauge, passing, resource

from otel_insights.store import anomalies as memory

QUIET = 400
"""Minutes of ordinary points before anything happens."""


def history(seed: int = 1, *, rises: bool = True) -> dict[int, float]:
    dice = random.Random(seed)
    known = {minute: 100 + dice.gauss(0, 3) for minute in range(QUIET + 30)}
    return known | {minute: 310.0 for minute in range(QUIET, QUIET + 3) if rises}


async def feed(service) -> None:
    wanted = [one for one in service.processors.values() if one.id.type in ("environments", "anomalies")]
    for payload in (
        gauge(history()),
        gauge(history(2), name="<b>other</b>"),
        gauge(history(3, rises=False), of=resource("i-2")),
    ):
        await passing(wanted, payload, Sink())  # and no analysis: it would forget what is so long ago


@pytest.fixture
async def fed(service):
    await feed(service)
    return {one.metric: one.id for one in await service.store.read(memory.page)}


async def test_a_browser_gets_incidents_and_anomalies_where_others_get_the_old_contract(client, fed):
    assert isinstance((await client.get("/anomalies")).json(), list)
    html = (await client.get("/anomalies", headers=HTML)).text
    assert "<b>other" not in html
    text = text_of(html)
    assert "queue.depth of shop rose to 310" in text
    assert "with 1 more anomaly" in text
    only = text_of((await client.get("/anomalies?metric=queue.depth", headers=HTML)).text)
    assert "other" not in only
    assert "None. Metrics are scored" in (await client.get("/anomalies?state=open", headers=HTML)).text
    assert (await client.get("/anomalies?cursor=A-0", headers=HTML)).status_code == 422


async def test_an_anomaly_is_drawn_with_the_band_of_what_was_usual(client, fed):
    html = (await client.get(f"/anomalies/{fed['queue.depth']}", headers=HTML)).text
    (values,) = re.findall(r'class="values" points="([^"]+)"', html)
    (band,) = re.findall(r'class="usual" points="([^"]+)"', html)
    heights = [float(pair.split(",")[1]) for pair in values.split()]
    assert len(band.split()) == 2 * len(heights)
    assert sum(height < 130 for height in heights) == 3  # the three minutes above, in a picture 260 high
    rows = re.findall(r'<tr><th scope="row" class="nowrap">(.*?)</th><td class="n">(.*?)</td>', html)
    assert len(rows) == len(heights)
    assert [value for _, value in rows].count("310") == 3


async def test_a_person_says_that_it_is_none(client, fed):
    path = f"/anomalies/{fed['queue.depth']}"
    answer = await client.post(f"{path}/feedback", data={"verdict": "not_anomaly"}, headers=HTML, follow_redirects=True)
    assert "a person says: not anomaly" in text_of(answer.text)
    assert "1.5 times what it would be" in answer.text
    for where, data, status in (
        (path, {"verdict": "odd"}, 422),
        ("/anomalies/A-0", {"verdict": "anomaly"}, 404),
        (path, {"verdict": "anomaly"}, 303),
    ):
        assert (await client.post(f"{where}/feedback", data=data, headers=HTML)).status_code == status
    assert (await client.get("/anomalies/A-0", headers=HTML)).status_code == 404


async def test_what_is_no_longer_kept_is_not_drawn(service, client, fed):
    await service.store.write(lambda db: db.execute("DELETE FROM metric_window"))
    html = (await client.get(f"/anomalies/{fed['queue.depth']}", headers=HTML)).text
    assert "Its points are not kept any more" in html


@needs_chromium
def test_a_person_follows_an_incident_to_its_picture_by_night_and_on_a_phone():
    with listening("{endpoint: '127.0.0.1:0', requests_per_second: 0}") as served, browser() as opened:
        served.there(feed(served.service))
        size = {"width": 360, "height": 800}
        with watched(opened, served.url, color_scheme="dark", viewport=size) as person:
            person.go("/anomalies")
            assert not person.is_wider_than_its_window()
            person.page.get_by_role("region", name="Incidents").get_by_role("link", name="queue.depth").click()
            assert person.heading().startswith("queue.depth of shop rose to 310")
            assert person.page.locator("svg.band polyline.values").count() == 1
            assert not person.is_wider_than_its_window()

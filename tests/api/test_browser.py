"""What a person does, in a real browser: find what is new, read why, correct it; by keyboard, by night, on a phone."""

import shutil
from collections.abc import Iterator

import pytest
from api.browsing import browser, needs_chromium, watched
from api.seeding import EVIL, refuse, send
from api.serving import Listening, listening
from otlp_samples import raised, resource, span, spans
from playwright.sync_api import Browser

pytestmark = needs_chromium
PATHS = (
    "/",
    "/clusters",
    "/map",
    "/templates",
    "/logs",
    "/environments",
    "/environments/1",
    "/environments/compare?id=1&id=41",
    "/settings",
    "/docs",
)


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with browser() as made:
        yield made


@pytest.fixture(scope="module")
def served(seeded_store, tmp_path_factory) -> Iterator[Listening]:
    path = shutil.copy(seeded_store, tmp_path_factory.mktemp("served"))
    with listening("{endpoint: '127.0.0.1:0', requests_per_second: 0}", f"sqlite:///{path}") as made:
        evil = resource(EVIL, EVIL, EVIL, service__version=EVIL)
        made.there(send(made.service, spans(span(200, raised(refuse, EVIL)), of=evil)))
        made.there(made.service.analyse())
        yield made


@pytest.fixture
def person(opened, served):
    with watched(opened, served.url) as made:
        yield made


def test_a_person_finds_what_is_new_and_reads_why_and_what_helps(person):
    person.go("/")
    person.page.get_by_role("region", name="New").get_by_role("link", name="ValueError").click()
    assert person.heading().startswith("ValueError: no card can be charged")
    why = person.page.get_by_role("region", name="What explains it")
    assert "20 of the 20 failing environments run numpy 2.0" in why.inner_text()
    assert "Remedy: numpy 1.26" in why.inner_text()
    assert why.locator("svg.share").count() == 2


def test_a_person_merges_two_clusters_and_splits_them_again(person):
    person.go("/clusters")
    person.page.get_by_label("Text, type or id").fill("KeyError")
    person.page.get_by_role("button", name="Show").click()
    person.page.get_by_role("link", name="KeyError").click()
    other = person.page.url.rpartition("/")[2]
    person.go("/clusters?q=ValueError")
    person.page.get_by_role("link", name="ValueError").click()
    person.page.get_by_label("Another cluster's id").fill(other)
    person.page.get_by_role("region", name="Correct it").get_by_role("button", name="Merge into this").click()
    assert f"{other} is part of this cluster now." in person.page.get_by_role("status").inner_text()
    person.page.locator("summary", has_text="KeyError").click()
    person.page.locator("details", has_text="KeyError").get_by_role("checkbox").check()
    person.page.get_by_role("button", name="Split off what is chosen").click()
    assert person.heading().startswith("KeyError")
    assert len(person.asked) == 2


def test_a_person_compares_two_environments(person):
    person.go("/environments?q=i-0")
    person.page.get_by_label("Compare shop i-03").check()
    person.page.get_by_label("Compare shop i-04").check()
    person.page.get_by_role("button", name="Compare the two that are chosen").click()
    assert person.heading() == "shop i-04 and shop i-03"
    assert person.page.get_by_role("row", name="numpy").inner_text().split() == ["numpy", "2.0", "1.26"]


def test_the_map_leads_to_clusters_with_the_keyboard(person):
    person.go("/map")
    person.page.locator("svg.map a").first.focus()
    person.page.keyboard.press("Enter")
    person.page.wait_for_url("**/clusters/*")


@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 1280)])
def test_pages_fit_a_phone_and_a_desk_by_day_and_by_night(opened, served, scheme, width):
    size = {"width": width, "height": 800}
    with watched(opened, served.url, color_scheme=scheme, viewport=size) as person:
        person.go("/clusters?q=ValueError")
        one = person.page.get_by_role("link", name="ValueError").get_attribute("href")
        for path in (*PATHS, one):
            person.go(path)
            assert not person.is_wider_than_its_window(), path
            ground = person.page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (ground == "rgb(22, 24, 28)") == (scheme == "dark")


def test_the_whole_list_is_reached_with_the_keyboard_alone(person):
    person.go("/clusters")
    person.page.keyboard.press("Tab")
    assert person.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    person.page.keyboard.press("Enter")
    for _ in range(20):
        person.page.keyboard.press("Tab")
        if person.page.evaluate("document.activeElement.className") == "title":
            break
    person.page.keyboard.press("Enter")
    person.page.wait_for_url("**/clusters/*")


def test_hostile_names_and_messages_are_shown_and_do_nothing(person):
    person.go("/clusters?q=RuntimeError")
    person.page.get_by_role("link", name="RuntimeError").last.click()
    person.page.wait_for_url("**/clusters/*")
    assert "onerror=alert(2)" in person.page.inner_text("main")
    assert person.page.locator("main script, main img").count() == 0
    assert person.asked == []


def test_a_choice_of_the_dark_theme_is_remembered(person):
    person.go("/")
    person.page.get_by_role("button", name="Dark").click()
    person.go("/clusters")
    assert person.page.get_by_role("button", name="Light").is_visible()

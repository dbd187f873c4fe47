"""Where a process runs: packages once, resource attributes, and the variables that may leave."""

import importlib.metadata
import platform
import re
import threading

from otel_insights.client.courier import HOUR, Courier
from otel_insights.client.surroundings import packages


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_names_of_directories_tell_what_the_metadata_tells():
    found: dict[str, str] = {}
    for one in importlib.metadata.distributions():
        found.setdefault(normal(one.metadata["Name"]), one.version)
    assert packages() == found


def test_a_package_in_development_has_its_version_in_a_file_and_the_first_on_the_path_counts(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in ("dev.egg-info", "Two_Words-1.0+cu118.dist-info", "old-0.1-py3.10.egg-info"):
        (first / folder).mkdir(parents=True)
    (first / "dev.egg-info" / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: dev\nVersion: 7.1\n\nVersion: no\n")
    (second / "old-9.9.dist-info").mkdir(parents=True)
    (second / "nameless.dist-info").mkdir()
    found = packages([str(first), str(second), str(tmp_path / "missing"), __file__])
    assert found == {"dev": "7.1", "two-words": "1.0+cu118", "old": "0.1"}


async def test_each_installed_package_is_announced_once_by_a_process(world):
    outcome, _ = await world.both("SETUP\nprint('done')\n")
    announced = {one.attributes["package.name"]: one.attributes["package.version"] for one in outcome.packages}
    assert len(outcome.packages) == len(announced)
    assert announced == packages()
    assert {one.severity for one in outcome.packages} == {"INFO"}


async def test_packages_may_be_kept_to_oneself(world):
    setup = "import otel_insights; otel_insights.instrument(packages=False)"
    outcome = await world.run("SETUP\nraise ValueError\n", setup=setup)
    assert [one.name for one in outcome.events] == ["exception"]


async def test_the_resource_says_where_the_process_runs_and_only_variables_that_may_leave(world):
    setup = "import otel_insights; otel_insights.instrument(environment_variables=['FLAVOUR', 'DATABASE_URL'])"
    env = {"FLAVOUR": "mint", "DATABASE_URL": "postgres://ann:hunter2@db.corp/shop", "TZ": "UTC", "AWS_KEY": "hunter3"}
    (event,) = (await world.run("SETUP\nraise ValueError\n", setup=setup, env=env)).exceptions
    assert event.resource["process.runtime.version"] == platform.python_version()
    assert event.resource["os.type"] in {"linux", "darwin", "windows"}
    assert event.resource["host.arch"] in {"amd64", "arm64"}
    assert event.resource["process.environment_variable.FLAVOUR"] == "mint"
    assert event.resource["process.environment_variable.TZ"] == "UTC"
    assert event.resource["process.environment_variable.DATABASE_URL"] == "postgres://[redacted]@[host]/shop"
    assert "hunter" not in str(event)
    assert "host.name" not in event.resource


def test_packages_are_announced_again_after_an_hour():
    times = iter([0.0, 1.0, HOUR - 1, HOUR, HOUR + 1])
    told = []
    courier = Courier(lambda _: None, lambda: told.append("packages"), delay=60, clock=lambda: next(times))
    courier.start()
    for announced in (1, 1, 1, 2):
        assert courier.flush(5)
        assert len(told) == announced
    assert courier.close(5)
    assert len(told) == 2


def test_a_process_that_exits_waits_for_a_request_and_not_for_tries_to_come():
    aborted = threading.Event()
    courier = Courier(lambda _: aborted.wait(60), lambda: None, 60, aborted.set)
    courier.start()
    assert courier.close(3600)
    assert aborted.is_set()


def test_who_waits_for_a_courier_that_has_ended_does_not_wait():
    courier = Courier(lambda _: None, lambda: None, delay=60)
    courier.start()
    assert courier.close(60)
    assert not courier.flush(3600)

"""Where a process runs: packages once, resource attributes, and the variables that may leave."""

import importlib.metadata
import platform
import re
import threading

import pytest

from otel_insights.client.container import container
from otel_insights.client.courier import HOUR, Courier
from otel_insights.client.installation import installation_id
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
    env = {
        "FLAVOUR": "mint",
        "DATABASE_URL": "postgres://ann:hunter2@db.corp/shop",
        "TZ": "UTC" * 999,
        "AWS_KEY": "hunter3",
    }
    (event,) = (await world.run("SETUP\nraise ValueError\n", setup=setup, env=env)).exceptions
    assert event.resource["process.runtime.version"] == platform.python_version()
    assert event.resource["os.type"] in {"linux", "darwin", "windows"}
    assert event.resource["host.arch"] in {"amd64", "arm64"}
    assert event.resource["process.environment_variable.FLAVOUR"] == "mint"
    assert event.resource["process.environment_variable.TZ"] == ("UTC" * 999)[:1024]
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


ID, OTHER = "ab" * 32, "cd" * 32
POD = "6f1c1f6e-2a52-4f57-9d3b-0d3f1f5f7a10"
IN_POD = {"container.id": ID, "k8s.pod.uid": POD}


@pytest.mark.parametrize(
    ("groups", "mounts", "told"),
    [
        (f"12:memory:/docker/{ID}\n0::/", "", {"container.id": ID}),
        (f"1:name=systemd:/system.slice/docker-{ID}.scope", "", {"container.id": ID}),
        (f"1:cpu:/kubepods/burstable/pod{POD}/{ID}", "", IN_POD),
        (f"1:cpu:/kubepods.slice/pod{POD.replace('-', '_')}.slice/cri-containerd-{ID}.scope", "", IN_POD),
        ("0::/", f"/var/lib/docker/containers/{ID}/hostname /etc/hostname", {"container.id": ID}),
        ("0::/", f"/storage/overlay-containers/{ID}/userdata/hosts /etc/hosts", {"container.id": ID}),
        ("0::/", f"/io.containerd.grpc.v1.cri/sandboxes/{OTHER}/hostname /etc/hostname", {}),
        ("0::/", f"/var/lib/kubelet/pods/{POD}/etc-hosts /etc/hosts", {"k8s.pod.uid": POD}),
        ("0::/", f"/containers/{OTHER}/x /var/lib/docker/x\n/pods/{POD}/v /var/lib/kubelet/pods/{POD}/v", {}),
        ("0::/user.slice/user-1000.slice\ngarbage", "/ /", {}),
        (None, None, {}),
    ],
    ids=[
        *("docker", "docker by systemd", "kubernetes", "kubernetes by systemd", "docker 2", "podman 2", "containerd 2"),
        *("kubernetes 2", "a node's own process", "no container", "no Linux"),
    ],
)
def test_the_kernel_tells_a_process_its_container_and_its_pod(tmp_path, groups, mounts, told):
    if groups is not None:
        (tmp_path / "cgroup").write_text(groups)
        lines = [f"36 35 98:0 {line} rw,noatime - ext4 /dev/root rw" for line in mounts.splitlines()]
        (tmp_path / "mountinfo").write_text("\n".join(lines))
    assert container(tmp_path) == told


def test_an_installation_keeps_its_random_id_for_each_service(tmp_path):
    first = installation_id("/shop", tmp_path)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first)
    assert installation_id("/shop", tmp_path) == first != installation_id("/blog", tmp_path)
    files = list((tmp_path / "installations").iterdir())
    assert len(files) == 2
    for spoilt in ("", "no id", "caf\xe9"):
        files[0].write_text(spoilt, "latin-1")
        files[1].write_text(spoilt, "latin-1")
        anew = installation_id("/shop", tmp_path)
        assert anew not in {first, ""}
        assert installation_id("/shop", tmp_path) == anew
    assert len(list((tmp_path / "installations").iterdir())) == 2


def test_processes_that_start_together_agree_on_the_id_of_their_installation(tmp_path):
    found: set[str] = set()
    threads = [threading.Thread(target=lambda: found.add(installation_id("/shop", tmp_path))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1


async def test_the_id_of_an_installation_lives_through_restarts_and_is_sent_only_where_asked_for(world, tmp_path):
    env = {"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    asked = "import otel_insights; otel_insights.instrument('shop', packages=False, installation_id=True)"
    told = []
    for setup, more in ((asked, {}), (asked, {}), ("import otel_insights; otel_insights.instrument('shop')", {})):
        (event,) = (await world.run("SETUP\nraise ValueError\n", setup=setup, env=env | more)).exceptions
        told.append(event.resource.get("app.installation.id"))
    assert told[0] == told[1] is not None
    assert told[2] is None

"""docker-compose.yaml and what it mounts: whole, pinned, and of one mind about ports and paths."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from otel_insights.components import available
from otel_insights.config import read

REPOSITORY = Path(__file__).parents[1]
COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text())
SERVICES = COMPOSE["services"]
EXAMPLES = REPOSITORY / "examples" / "compose"


def mounts(service: dict) -> list[list[str]]:
    return [mount.split(":") for mount in service.get("volumes", ())]


def test_docker_compose_finds_nothing_wrong() -> None:
    if shutil.which("docker") is None:
        pytest.skip("no docker on the PATH")
    command = ["docker", "compose", "-f", str(REPOSITORY / "docker-compose.yaml"), "config", "--quiet"]
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("this docker has no compose")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_image_is_pinned_and_every_service_has_one() -> None:
    for name, service in SERVICES.items():
        assert "build" in service or re.search(r":v?\d+\.\d+", service["image"]), name


def test_what_is_mounted_exists_and_cannot_be_written() -> None:
    for name, service in SERVICES.items():
        for source, _, *flags in mounts(service):
            if source.startswith("."):
                assert (REPOSITORY / source).exists(), f"{name} mounts {source}"
                assert flags == ["ro"], f"{name} may write {source}"
            else:
                assert source in COMPOSE["volumes"], f"{name} mounts {source}"


def test_nothing_listens_beyond_this_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_configuration_in_the_image_is_right_and_its_ports_are_the_exposed_ones() -> None:
    text = (EXAMPLES / "otel-insights.yaml").read_text()
    config = read(text, available(), {})
    assert not config.warnings
    dockerfile = (REPOSITORY / "Dockerfile").read_text()
    assert "examples/compose/otel-insights.yaml" in dockerfile
    exposed = re.search(r"^EXPOSE (.+)$", dockerfile, re.MULTILINE)
    assert exposed
    assert set(exposed[1].split()) == set(re.findall(r"0\.0\.0\.0:(\d+)", text))


def test_the_variables_that_the_collector_is_given_are_those_that_its_configuration_reads() -> None:
    collector = SERVICES["otel-collector"]
    known = re.findall(r"\$\{env:(\w+)", (REPOSITORY / "otel-collector-config.yaml").read_text())
    assert set(collector["environment"]) <= set(known)


def test_the_pipelines_laid_over_are_those_that_there_are() -> None:
    base = yaml.safe_load((REPOSITORY / "otel-collector-config.yaml").read_text())
    over = yaml.safe_load((EXAMPLES / "otel-collector.yaml").read_text())
    assert set(over["service"]["pipelines"]) < set(base["service"]["pipelines"])
    hosts = re.findall(r"endpoint: (?:https?://)?([a-z]+):", (EXAMPLES / "otel-collector.yaml").read_text())
    assert set(hosts) <= set(SERVICES)


def test_what_grafana_reads_is_well_formed_and_its_panels_ask_sources_that_there_are() -> None:
    sources = yaml.safe_load((EXAMPLES / "grafana/provisioning/datasources/datasources.yaml").read_text())
    uids = {source["uid"] for source in sources["datasources"]}
    for file in (EXAMPLES / "grafana" / "dashboards").glob("*.json"):
        panels = json.loads(file.read_text())["panels"]
        assert {panel["datasource"]["uid"] for panel in panels} <= uids
        assert all(target["expr"] for panel in panels for target in panel["targets"])

"""The command line, as a person meets it: words, exit codes, signals."""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from typer.testing import CliRunner

from otel_insights.cli import app

BROKEN = Path(__file__).parent / "config"
THEIRS = '''
import sys
from otel_insights.component import *

class Settings_(Settings):
    """Of somebody else."""
    word: str = "hello"

class Parrot(Receiver):
    """Says its word when it begins and ends."""
    async def serve(self, consumers): print("parrot serves", self.settings.word, file=sys.stderr, flush=True)
    async def stop(self): print("parrot stops", self.settings.word, file=sys.stderr, flush=True)
    def __init__(self, id_, settings):
        super().__init__(id_)
        self.settings = settings

FACTORY = Factory(Kind.RECEIVER, "parrot", Settings_, Parrot, frozenset({"traces"}))
'''


def cli(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Install a distribution of somebody else, which offers a receiver by an entry point; the folder to import from."""
    folder = tmp_path / "site"
    info = folder / "parrot-1.dist-info"
    info.mkdir(parents=True)
    (folder / "parrot.py").write_text(THEIRS)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: parrot\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[otel_insights.components]\nreceivers.parrot = parrot:FACTORY\n")
    return folder


def parrot(folder: Path, word: str = "hello", more: str = "api: null") -> Path:
    file = folder / "config.yaml"
    file.write_text(
        f"receivers: {{parrot: {{word: {word}}}}}\n"
        "service: {pipelines: {traces: {receivers: [parrot]}}}\n"
        f"store: {{url: 'sqlite:///{folder}/store.db'}}\n{more}\n"
    )
    return file


class Run:
    """`otel-insights run` in a process of its own; what it says is waited for."""

    def __init__(self, config: Path, path: Path) -> None:
        environ = {**os.environ, "PYTHONPATH": str(path), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "otel_insights", "run", "--config", str(config)],
            env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.lines: queue.Queue[str] = queue.Queue()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.put(line)

    def says(self, text: str) -> str:
        """Wait for a line that holds a text."""
        heard = ""
        while text not in (line := self.lines.get(timeout=20)):
            heard += line
        return heard + line

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.reader.join()
        assert self.process.stdout
        self.process.stdout.close()


Starter = Callable[[Path], Run]


@pytest.fixture
def start(theirs: Path) -> Iterator[Starter]:
    """Start services, and end them with the test."""
    started: list[Run] = []

    def begin(config: Path) -> Run:
        started.append(Run(config, theirs))
        return started[-1]

    yield begin
    for one in started:
        one.close()


class TestConfigCheck:
    def test_a_right_file_is_ok(self, tmp_path: Path) -> None:
        file = tmp_path / "right.yaml"
        file.write_text("analysis: {interval: 3s}\n")
        assert cli("config", "check", file) == (0, "OK\n", "")

    def test_a_broken_file_is_answered_with_all_errors_and_exit_code_2(self) -> None:
        code, out, err = cli("config", "check", BROKEN / "everything_at_once.yaml")
        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 4

    def test_a_file_that_is_not_there_is_told_by_name(self) -> None:
        code, _, err = cli("config", "check", "no-such.yaml")
        assert code == 2
        assert err.startswith("no-such.yaml: expected a file")

    def test_a_component_that_is_not_used_is_a_warning(self, tmp_path: Path) -> None:
        file = tmp_path / "unused.yaml"
        pipelines = "service: {pipelines: {traces: {receivers: [otlp_grpc]}}}"
        file.write_text(f"receivers: {{otlp_grpc: , otlp_grpc/2: }}\n{pipelines}\n")
        code, out, err = cli("config", "check", file)
        assert (code, out) == (0, "OK\n")
        assert err.startswith("warning: receivers.otlp_grpc/2: ")


class TestConfigShow:
    def test_without_a_file_the_defaults_are_shown(self) -> None:
        code, out, _ = cli("config", "show")
        assert code == 0
        assert list(yaml.safe_load(out)["service"]["pipelines"]) == ["traces", "logs", "metrics"]

    def test_what_is_shown_can_be_run(self, tmp_path: Path) -> None:
        file = tmp_path / "shown.yaml"
        file.write_text(cli("config", "show")[1])
        assert cli("config", "check", file)[0] == 0
        assert cli("config", "show", file)[1] == file.read_text()


class TestRun:
    def test_it_says_where_it_listens_sends_and_keeps_and_ends_with_sigterm(
        self, start: Starter, tmp_path: Path
    ) -> None:
        """The receiver comes from another distribution's entry point."""
        service = start(parrot(tmp_path))
        said = service.says("shows")
        assert "otel-insights is ready" in said
        assert "receives  parrot" in said
        assert "sends     nothing: insights are kept" in said
        assert f"keeps     sqlite:///{tmp_path}/store.db" in said
        assert service.end() == 0
        service.says("parrot stops hello")

    def test_what_comes_in_over_http_goes_out_over_grpc_to_the_next_hop(self, start: Starter, tmp_path: Path) -> None:
        """Two services, one behind the other; the request is answered when the second has written it."""
        line = (
            "service: {pipelines: {traces: {receivers: [%s], exporters: [%s]}}}\nstore: {url: 'sqlite://'}\napi: null\n"
        )
        behind = tmp_path / "behind.yaml"
        behind.write_text(
            "receivers: {otlp_grpc: {endpoint: '127.0.0.1:0'}}\n"
            f"exporters: {{otlp_file: {{path: '{tmp_path}/out.jsonl'}}}}\n{line % ('otlp_grpc', 'otlp_file')}"
        )
        address = start(behind).says("receives  otlp_grpc ").split()[-1]
        before = tmp_path / "before.yaml"
        before.write_text(
            "receivers: {otlp_http: {endpoint: '127.0.0.1:0'}}\n"
            f"exporters: {{otlp: {{endpoint: 'http://{address}'}}}}\n{line % ('otlp_http', 'otlp')}"
        )
        door = start(before).says("receives  otlp_http ").split()[-1]
        sent = environment(1, fails=True)
        answer = httpx.post(f"http://{door}/v1/traces", json=sent, timeout=20)
        assert (answer.status_code, answer.json()) == (200, {})
        (received,) = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert received == sent

    def test_ctrl_c_ends_it_as_well(self, start: Starter, tmp_path: Path) -> None:
        service = start(parrot(tmp_path))
        service.says("ready")
        assert service.end(signal.SIGINT) == 0

    def test_a_broken_file_is_told_in_full_and_nothing_starts(self, start: Starter) -> None:
        service = start(BROKEN / "min_cluster_size_is_no_number.yaml")
        service.says("processors.exceptions.min_cluster_size: expected an integer of at least 2, got 'five'")
        assert service.process.wait(20) == 2

    def test_a_taken_port_of_the_api_is_told_with_its_key(self, start: Starter, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            service = start(parrot(tmp_path, more=f"api: {{endpoint: '127.0.0.1:{port}'}}"))
            service.says(f"api.endpoint: cannot listen on 127.0.0.1:{port}: Address already in use")
            assert service.process.wait(20) == 2

    def test_sighup_reads_the_file_again(self, start: Starter, tmp_path: Path) -> None:
        service = start(parrot(tmp_path, "before"))
        service.says("ready")
        parrot(tmp_path, "after")
        service.process.send_signal(signal.SIGHUP)
        service.says("parrot stops before")
        service.says("parrot serves after")
        service.says("reloaded")
        assert service.end() == 0

    def test_sighup_with_a_broken_file_changes_nothing(self, start: Starter, tmp_path: Path) -> None:
        service = start(parrot(tmp_path, "before"))
        service.says("ready")
        parrot(tmp_path, "[1]")
        service.process.send_signal(signal.SIGHUP)
        service.says("not reloaded, all runs on as before")
        service.says("receivers.parrot.word: expected a string, got [1]")
        assert service.end() == 0
        assert "parrot stops before" in service.says("parrot stops")

    def test_a_reload_that_cannot_start_goes_back(self, start: Starter, tmp_path: Path) -> None:
        service = start(parrot(tmp_path, "before"))
        service.says("ready")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            parrot(tmp_path, "after", more=f"api: {{endpoint: '127.0.0.1:{taken.getsockname()[1]}'}}")
            service.process.send_signal(signal.SIGHUP)
            service.says("back to the configuration before: api.endpoint: cannot listen on 127.0.0.1:")
        assert service.end() == 0


def resource(number: int) -> dict[str, Any]:
    return {"attributes": [text("service.name", "shop"), text("service.instance.id", f"i{number}")]}


def text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def environment(number: int, *, fails: bool) -> dict[str, Any]:
    event = {"name": "exception", "attributes": [text("exception.type", "E"), text("exception.message", "m")]}
    span = {"traceId": f"{number + 1:032x}", "spanId": f"{number + 1:016x}", "events": [event] if fails else []}
    return {"resourceSpans": [{"resource": resource(number), "scopeSpans": [{"spans": [span]}]}]}


def package(number: int) -> dict[str, Any]:
    attributes = [text("package.name", "numpy"), text("package.version", "2.1")]
    record = {"eventName": "package.info", "attributes": attributes}
    return {"resourceLogs": [{"resource": resource(number), "scopeLogs": [{"logRecords": [record]}]}]}


class TestDoctor:
    def file(self, folder: Path, more: str = "api: null") -> Path:
        file = folder / "config.yaml"
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        file.write_text(
            f"receivers: {{otlp_grpc: {{endpoint: '127.0.0.1:{port}'}}}}\n"
            f"exporters: {{otlp: {{endpoint: 'http://127.0.0.1:1', retry: {{enabled: false}}}}}}\n"
            "service: {pipelines: {traces: {receivers: [otlp_grpc], exporters: [otlp]}}}\n"
            f"store: {{url: 'sqlite:///{folder}/store.db'}}\n{more}\n"
        )
        return file

    def checks(self, *arguments: str | Path) -> tuple[int, dict[str, list[str]]]:
        code, out, _ = cli("doctor", "--json", *arguments)
        found: dict[str, list[str]] = {}
        for check in json.loads(out):
            found.setdefault(check["name"], []).append(check["state"])
            assert check["state"] == "ok" or check["advice"]
        return code, found

    def test_a_next_hop_that_is_not_there_fails_and_the_rest_is_looked_at(self, tmp_path: Path) -> None:
        code, found = self.checks("--config", self.file(tmp_path))
        assert code == 1
        assert found == {
            "configuration": ["ok"],
            "port": ["ok"],
            "store": ["ok"],
            "next hop": ["fail"],
            "telemetry": ["warn"],
            "packages": ["warn"],
            "clock": ["ok"],
        }

    def test_a_taken_port_fails(self, tmp_path: Path) -> None:
        file = self.file(tmp_path)
        port = yaml.safe_load(file.read_text())["receivers"]["otlp_grpc"]["endpoint"].rpartition(":")[2]
        with socket.create_server(("127.0.0.1", int(port))):
            assert self.checks("--config", file)[1]["port"] == ["fail"]

    def test_a_webhook_is_not_tried_and_its_url_not_shown(self, tmp_path: Path) -> None:
        file = self.file(tmp_path)
        tree = yaml.safe_load(file.read_text())
        tree["exporters"] = {"webhook": {"url": "http://127.0.0.1:1/s3cret"}}
        tree["service"]["pipelines"] = {"logs": tree["service"]["pipelines"].popitem()[1] | {"exporters": ["webhook"]}}
        file.write_text(yaml.safe_dump(tree))
        _, out, _ = cli("doctor", "--config", file)
        assert "exporters.webhook is not tried" in out
        assert "s3cret" not in out

    def test_a_broken_configuration_fails_with_its_errors(self) -> None:
        code, found = self.checks("--config", BROKEN / "everything_at_once.yaml")
        assert (code, found) == (1, {"configuration": ["fail"] * 4})

    def test_a_store_that_is_none_fails(self, tmp_path: Path) -> None:
        (tmp_path / "store.db").write_text("this is no database, and long enough to be read as one: " * 10)
        assert self.checks("--config", self.file(tmp_path))[1]["store"] == ["fail"]

    def test_a_person_reads_advice_below_what_is_not_well(self, tmp_path: Path) -> None:
        code, out, _ = cli("doctor", "--config", self.file(tmp_path))
        assert code == 1
        lines = out.splitlines()
        (failed,) = [number for number, line in enumerate(lines) if line.startswith("fail")]
        assert lines[failed].startswith("fail  next hop: exporters.otlp: http://127.0.0.1:1: ")
        assert lines[failed + 1].startswith("      does it run")

    def after(self, folder: Path, failing: int, healthy: int, *, packages: bool) -> dict[str, list[str]]:
        """Learn from a file of telemetry, then ask."""
        lines = [environment(number, fails=number < failing) for number in range(failing + healthy)]
        lines += [package(number) for number in range(failing + healthy) if packages]
        (folder / "in.jsonl").write_text("\n".join(map(json.dumps, lines)))
        assert cli("analyze", folder / "in.jsonl", "--store", f"sqlite:///{folder}/store.db")[0] == 0
        return self.checks("--config", self.file(folder))[1]

    def test_failing_and_healthy_environments_with_packages_are_all_that_is_needed(self, tmp_path: Path) -> None:
        found = self.after(tmp_path, 2, 2, packages=True)
        assert (found["store"], found["telemetry"]) == (["ok"], ["ok"])
        assert (found["packages"], found["healthy side"]) == (["ok"], ["ok"])

    def test_without_packages_and_a_healthy_side_there_is_a_warning_for_each(self, tmp_path: Path) -> None:
        found = self.after(tmp_path, 3, 0, packages=False)
        assert (found["packages"], found["healthy side"]) == (["warn"], ["warn"])

    def test_a_service_that_runs_is_recognised_at_its_ports(self, start: Starter, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        file = parrot(tmp_path, more=f"api: {{endpoint: '127.0.0.1:{port}'}}")
        start(file).says(f"shows     http://127.0.0.1:{port}")
        environ = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
        asked = subprocess.run(
            [sys.executable, "-m", "otel_insights", "doctor", "--config", str(file)],
            env=environ, capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
        assert f"api.endpoint: 127.0.0.1:{port} is taken, and the otel-insights that runs answers" in asked.stdout
        assert asked.returncode == 0


def test_a_wrong_configuration_is_told_to_programs_too(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text("processors: {exceptions: {min_cluster_size: five}}\n")
    done = CliRunner().invoke(app, ["config", "check", str(file), "--json"])
    told = json.loads(done.stdout)
    assert done.exit_code == 2
    assert told["ok"] is False
    assert told["errors"][0]["path"] == "processors.exceptions.min_cluster_size"
    shown = CliRunner().invoke(app, ["config", "show", "--json"])
    assert json.loads(shown.stdout)["analysis"] == {"interval": "10s"}

"""Shows a real incompatibility: `run.py [NAME]`.

Makes small virtual environments with pip, runs an instrumented program in each against an otel-insights that is started
here, and prints what that concludes. Exit code 0: it is explained; 1: it is not; 3: pip cannot install what it takes.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
from recipes import RECIPES, Recipe
from virtual import NotInstallableError, interpreter

HERE = Path(__file__).parent
CACHE = platformdirs.user_cache_path("otel-insights", appauthor=False) / "incompatibilities"
INSTANCES = 3
"""Processes that run in each environment: what is built once, a deployment runs on several machines."""
PATIENCE = 60.0
CONFIG = """
receivers: {{otlp_http: {{endpoint: "127.0.0.1:{otlp}"}}}}
processors: {{environments: , exceptions: , suggestions: }}
store: {{url: "sqlite:///{store}"}}
api: {{endpoint: "127.0.0.1:{api}"}}
analysis: {{interval: 1h}}
service:
  pipelines:
    traces: {{receivers: [otlp_http], processors: [environments, exceptions, suggestions]}}
    logs: {{receivers: [otlp_http], processors: [environments, exceptions, suggestions]}}
"""


@dataclass(frozen=True)
class Service:
    """An otel-insights that runs."""

    otlp: str
    api: str
    store: str

    def ask(self, path: str, method: str = "GET") -> Any:  # noqa: ANN401 - JSON
        """Ask its API."""
        request = urllib.request.Request(f"{self.api}{path}", method=method)  # noqa: S310 - ours
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=PATIENCE) as answer:
            return json.load(answer)


@contextmanager
def otel_insights(folder: Path) -> Iterator[Service]:
    """Run it on free ports with a store of its own."""
    otlp, api = free_ports(2)
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(otlp=otlp, api=api, store=folder / "insights.db"), encoding="utf-8")
    with (folder / "log.txt").open("wb") as log:
        command = [sys.executable, "-m", "otel_insights", "run", "--config", str(config)]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)  # noqa: S603
    service = Service(f"http://127.0.0.1:{otlp}", f"http://127.0.0.1:{api}", f"sqlite:///{folder / 'insights.db'}")
    try:
        wait_for(service, process, folder / "log.txt")
        yield service
    finally:
        process.terminate()
        process.wait(PATIENCE)


def wait_for(service: Service, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until it answers."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            service.ask("/healthz")
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"otel-insights does not answer:\n{log.read_text(encoding='utf-8')}")


def free_ports(count: int) -> list[int]:
    """Find ports on which nobody listens."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def build(recipe: Recipe) -> dict[Path, Sequence[str]]:
    """Make the environments; those that pip refuses are named and left out. NotInstallableError if none is left."""
    made: dict[Path, Sequence[str]] = {}
    refused = "there is nothing to install"
    for packages in recipe.environments:
        try:
            made[interpreter(CACHE, packages)] = packages
        except NotInstallableError as error:
            refused = str(error)
            print(f"  left out: {' '.join(packages)}: {refused}")
    if not made:
        raise NotInstallableError(refused)
    return made


def run_program(python: Path, recipe: Recipe, instance: str, service: Service) -> bool:
    """Run the program once; whether it went well."""
    environment = {
        **os.environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": service.otlp,
        "OTEL_SERVICE_NAME": "orders",
        "OTEL_RESOURCE_ATTRIBUTES": f"service.namespace=incompatibilities,service.instance.id={instance}",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    environment.pop("PYTHONPATH", None)
    command = [str(python), str(HERE / "instrumented.py"), recipe.program]
    return subprocess.run(command, env=environment, check=False, capture_output=True).returncode == 0  # noqa: S603


def show(recipe: Recipe, service: Service, made: dict[Path, Sequence[str]]) -> bool:
    """Run the program everywhere, let it be analysed, print the explanation; whether there is an established one."""
    jobs = [(python, f"{number}-{copy}") for number, python in enumerate(made) for copy in range(INSTANCES)]
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        went_well = list(pool.map(lambda job: run_program(job[0], recipe, job[1], service), jobs))
    for number, packages in enumerate(made.values()):
        print(f"  {'works' if went_well[number * INSTANCES] else 'fails'}  {'  '.join(packages)}")
    print(f"\n{len(jobs)} processes sent their telemetry: each environment ran {INSTANCES} times, as a fleet does.")
    print("Copies are no evidence of their own. `otel-insights explain` says:\n", flush=True)
    service.ask("/api/v1/analysis", "POST")
    clusters = service.ask("/api/v1/clusters")["items"]
    for cluster in clusters:
        command = [sys.executable, "-m", "otel_insights", "explain", cluster["id"], "--store", service.store]
        subprocess.run(command, check=True)  # noqa: S603
    return any(one["tier"] == "established" for cluster in clusters for one in cluster["suggestions"])


def main() -> int:
    """Show one."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("name", nargs="?", default="werkzeug_flask", choices=list(RECIPES))
    recipe = RECIPES[arguments.parse_args().name]
    print(f"{recipe.story}\nEnvironments in {CACHE} (made once):", flush=True)
    try:
        made = build(recipe)
    except NotInstallableError as error:
        print(f"pip cannot install what it takes: {error}")
        return 3
    with tempfile.TemporaryDirectory(prefix="otel-insights-") as folder, otel_insights(Path(folder)) as service:
        return 0 if show(recipe, service, made) else 1


if __name__ == "__main__":
    sys.exit(main())

"""How long lists take over a full store: each endpoint that lists, and each page, asked over HTTP of a real server."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks import filling
from benchmarks.filling import fill
from benchmarks.servers import free_port, started
from benchmarks.tables import show, verdict
from otel_insights.store import runs
from otel_insights.store.engine import Database
from otel_insights.store.reading import reading

_TIMES: Final = 100
_GOAL_MS: Final = 50.0
_RUNS_GOAL_MS: Final = 1.0
_SERVICE: Final = filling.service(3)
ASKED: Final = (
    "/api/v1/clusters?limit=100",
    "/api/v1/clusters?limit=100&namespace=shop",
    f"/api/v1/clusters?service={_SERVICE}",
    "/api/v1/clusters?state=new&text=error",
    "/api/v1/suggestions?limit=100&tier=established",
    "/api/v1/environments?limit=100",
    f"/api/v1/environments?service={_SERVICE}",
    "/api/v1/services?limit=100",
    "/api/v1/anomalies?limit=100",
    f"/api/v1/anomalies?service={_SERVICE}&open=false",
    "/api/v1/incidents?limit=20",
    "/api/v1/templates?limit=100",
    f"/api/v1/templates?service={_SERVICE}&severity=ERROR",
    "/api/v1/log-clusters?limit=50",
    "/api/v1/runs?limit=400",
    "/api/v1/runs?limit=100&agent_name=agent-3&status=failed",
    "/",
    "/clusters",
    f"/clusters?service={_SERVICE}",
    "/clusters?order=environments",
    "/environments",
    "/templates",
    "/anomalies",
    "/runs",
)
"""What is asked for; with as many rows as people ask for at once."""


def queries() -> None:
    """Ask for each a hundred times, one after the other, and tell the median and the 99th percentile."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "insights.db"
        asyncio.run(fill(path))
        rows = [
            _row("400 runs in the store, as listed", _of_the_store(path, runs.listed), _RUNS_GOAL_MS, of_median=True),
            _row("400 runs in the store, whole", _of_the_store(path, runs.page), None),
        ]
        with _server(path) as address:
            rows += [_row(one, _asked(address + one), _GOAL_MS) for one in ASKED]
            rows.append(_row("/metrics", _asked(address + "/metrics"), None))
    show(
        "List queries",
        ("asked", "median", "99 %", "goal for 99 % (of runs in the store, for the median)"),
        rows,
        f"Milliseconds of {_TIMES} times, in order of asking; {filling.OCCURRENCES:,} occurrences,"
        f" {filling.CLUSTERS:,} clusters, {filling.ENVIRONMENTS:,} environments, {filling.TEMPLATES:,} templates.",
    )


def _row(name: str, took: list[float], goal: float | None, *, of_median: bool = False) -> list[str]:
    last = sorted(took)[int(0.99 * len(took)) - 1]
    middle = sorted(took)[len(took) // 2]
    print(f"  {name}: {middle:.1f}, {last:.1f} ms", file=sys.stderr, flush=True)
    return [
        f"`{name}`" if name.startswith("/") else name,
        f"{middle:.1f}",
        f"{last:.1f}",
        verdict(middle if of_median else last, goal),
    ]


def _of_the_store(path: Path, read: Callable[[Database, runs.Wanted, int], object]) -> list[float]:
    with reading(f"sqlite:///{path}") as db:
        return [_timed(lambda: read(db, runs.Wanted(), 400)) for _ in range(_TIMES)]


def _asked(url: str) -> list[float]:
    return [_timed(lambda: _read(url)) for _ in range(_TIMES)]


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3


def _read(url: str) -> bytes:
    request = urllib.request.Request(url, headers={"Accept": "application/json" if "/api/" in url else "text/html"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return bytes(answer.read())


@contextmanager
def _server(path: Path) -> Iterator[str]:
    """Run one whose pipelines hold no work, so that nothing is measured but what is asked."""
    port = free_port()
    config = path.with_name("config.yaml")
    config.write_text(
        f"""\
receivers: {{otlp_grpc: {{endpoint: '127.0.0.1:{free_port()}'}}}}
processors: {{memory_limiter: }}
exporters: {{}}
store: {{url: 'sqlite:///{path}'}}
api: {{endpoint: '127.0.0.1:{port}', requests_per_second: 0}}
service:
  pipelines:
    traces: {{receivers: [otlp_grpc], processors: [memory_limiter], exporters: []}}
"""
    )
    command = [Path(sys.executable).with_name("otel-insights"), "run", "--config", config]
    with started("otel-insights", command, port):
        yield f"http://127.0.0.1:{port}"

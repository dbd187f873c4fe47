"""Processes under measurement: how each is started, and what CPU time and memory it has used."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil

from benchmarks.sink import RECEIVED

_START_SECONDS = 30.0
_PROCESSORS = ("memory_limiter", "environments", "anomalies", "exceptions", "logs", "suggestions")
"""The default pipelines', as in otel_insights/config/defaults.py; but for `runs`."""
_OF_METRICS = {"memory_limiter", "redaction", "environments", "anomalies"}


def free_port() -> int:
    """Find a port of the loopback on which nobody listens now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Server:
    """A running process that takes OTLP over gRPC on `port`."""

    name: str
    port: int
    process: psutil.Process

    def cpu(self) -> float:
        """User and system time that the process itself has used, in seconds. Processes that it started are left out."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> float:
        """Resident memory, in MB."""
        return float(self.process.memory_info().rss / 1e6)


@contextmanager
def started(name: str, arguments: Sequence[str | Path], port: int) -> Iterator[Server]:
    """Run a command until its port is open, and kill it at the end. Raises RuntimeError with its last words."""
    with tempfile.TemporaryFile("w+") as log:
        popen = subprocess.Popen(
            [str(one) for one in arguments],
            stdout=log,
            stderr=log,
            cwd=Path(__file__).parent.parent,
            env=_environment(),
        )
        try:
            end = time.monotonic() + _START_SECONDS
            while not _is_open(port):
                if popen.poll() is not None or time.monotonic() > end:
                    log.seek(0)
                    raise RuntimeError(f"{name} did not start: {log.read()[-2000:]}")
                time.sleep(0.05)
            yield Server(name, port, psutil.Process(popen.pid))
        finally:
            for one in psutil.Process(popen.pid).children(recursive=True) if popen.poll() is None else ():
                one.kill()
            popen.kill()
            popen.wait()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "ROTEL_"))}


def _is_open(port: int) -> bool:
    with socket.socket() as one:
        one.settimeout(0.2)
        return one.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True, slots=True)
class Next:
    """The sink that everything is relayed to."""

    grpc_port: int
    http_port: int

    def received(self) -> int:
        """Tell how many bytes of requests have arrived there."""
        with grpc.insecure_channel(f"127.0.0.1:{self.grpc_port}") as channel:
            return int(channel.unary_unary(RECEIVED)(b"", timeout=10))


@contextmanager
def sink() -> Iterator[Next]:
    """Run a sink."""
    at = Next(free_port(), free_port())
    command = [sys.executable, "-m", "benchmarks.sink", str(at.grpc_port), str(at.http_port)]
    with started("sink", command, at.http_port):
        yield at


@contextmanager
def noop_relay(at: Next, *, gzip: bool = False) -> Iterator[Server]:
    """Run the yardstick (see `benchmarks.noop_relay`)."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.noop_relay", str(port), str(at.grpc_port), *(["gzip"] if gzip else [])]
    with started("no-op relay", command, port) as server:
        yield server


@contextmanager
def otel_insights(
    at: Next, *, processors: bool = True, gzip: bool = False, redaction: bool = False, span_metrics: bool = False
) -> Iterator[Server]:
    """Run `otel-insights run` with the default pipelines, or without processors; and with others besides.

    It sends on over gRPC; with `gzip` over HTTP, compressed, so that unchanged requests go on as they came.
    """
    port = free_port()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config = home / "config.yaml"
        chain = (_PROCESSORS[0], "redaction", *_PROCESSORS[1:]) if redaction else _PROCESSORS if processors else ()
        chain += ("span_metrics",) if span_metrics else ()
        config.write_text(_configuration(at, home, port, chain, gzip=gzip))
        command = [Path(sys.executable).with_name("otel-insights"), "run", "--config", config]
        name = f"otel-insights{'' if processors else ', no processors'}"
        yield stack.enter_context(started(name, command, port))


def _configuration(at: Next, home: Path, port: int, chain: Sequence[str], *, gzip: bool) -> str:
    target = (
        f"{{endpoint: 'http://127.0.0.1:{at.http_port}', protocol: http, compression: gzip}}"
        if gzip
        else f"{{endpoint: 'http://127.0.0.1:{at.grpc_port}'}}"
    )
    lines = {
        "traces": [one for one in chain if one not in {"anomalies", "logs"}],
        "logs": [one for one in chain if one not in {"anomalies", "span_metrics"}],
        "metrics": [one for one in chain if one in _OF_METRICS],
    }
    pipelines = "\n".join(
        f"    {signal}: {{receivers: [otlp_grpc], processors: [{', '.join(names)}], exporters: [otlp]}}"
        for signal, names in lines.items()
    )
    return f"""\
receivers: {{otlp_grpc: {{endpoint: '127.0.0.1:{port}'}}}}
processors: {{{", ".join(f"{name}: " for name in chain)}}}
exporters: {{otlp: {target}}}
store: {{url: 'sqlite:///{home / "insights.db"}'}}
api: null
service:
  pipelines:
{pipelines}
"""

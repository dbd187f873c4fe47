"""The same relay by others: rotel (Rust) and the Collector (Go), CPU time per span in multiples of theirs."""

from __future__ import annotations

import importlib.util
import runpy
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from benchmarks.load import cpu_per_item
from benchmarks.relay import TRACES, measure
from benchmarks.servers import Next, Server, free_port, otel_insights, sink, started
from benchmarks.tables import Ratio, show

_ROUNDS = 3
_COLLECTOR = Path(__file__).parent.parent / "tests" / "e2e" / "collector.py"
_GOAL = 0.35
_CASES = (TRACES[0], TRACES[1], TRACES[3], TRACES[5])


class NotHereError(Exception):
    """A peer is not installed; the message says how to get it."""


def peers() -> None:
    """Relay traces through the peers that are installed, and through otel-insights with and without processors.

    Peers answer before they send on, and batch; what they do after the answer is waited for and counted.
    """
    rows: list[list[str]] = []
    notes = [f"CPU time per span of otel-insights, in multiples of the peer's: median (spread of {_ROUNDS} runs)."]
    with ExitStack() as stack:
        at = stack.enter_context(sink())
        ours = {"plain": otel_insights(at, processors=False), "full": otel_insights(at)}
        servers = {name: stack.enter_context(one) for name, one in ours.items()}
        others: dict[str, AbstractContextManager[Server]] = {"rotel": _rotel(at), "Collector": _collector(at)}
        for name, starting in others.items():
            try:
                servers[name] = stack.enter_context(starting)
            except NotHereError as error:
                notes.append(f"{name}: left out, {error}")
        there = [name for name in others if name in servers]
        notes += [_delivery(at, servers[name]) for name in there]
        for case in _CASES if there else ():
            cost = measure(servers, case.load(), _ROUNDS, settling=there)
            for name in there:
                ratios = (Ratio.of(cost[one], cost[name]) for one in ("plain", "full"))
                rows.append([*case.row(), name, *map(str, ratios)])
                print(" ", *rows[-1], file=sys.stderr, flush=True)
    head = ("request", "exceptions", "peer", "no processors", "default pipeline")
    show("Relay, beside peers", head, rows, *notes, f"The goal beside rotel is {_GOAL} or less, without processors.")


def _delivery(at: Next, server: Server) -> str:
    """Tell how much of what a peer has accepted arrives: a relay that drops is cheap."""
    load = TRACES[0].load()
    before = at.received()
    cpu_per_item(server, load, settle=True)
    share = (at.received() - before) / (load.requests * len(load.request.data))
    return f"{server.name}: of the bytes that it accepts, {share:.1%} arrive."


@contextmanager
def _rotel(at: Next) -> Iterator[Server]:
    found = importlib.util.find_spec("rotel")
    if found is None or found.origin is None:
        raise NotHereError("`pip install rotel` brings it")
    port, http = free_port(), free_port()
    endpoint = f"http://127.0.0.1:{at.grpc_port}"
    command = [Path(found.origin).with_name("rotel-agent"), "start", "--exporter", "otlp"]
    command += [f"--otlp-grpc-endpoint=127.0.0.1:{port}", f"--otlp-http-endpoint=127.0.0.1:{http}"]
    command += [f"--otlp-exporter-endpoint={endpoint}", "--otlp-exporter-protocol=grpc"]
    command += ["--otlp-exporter-compression=none", "--otlp-grpc-max-recv-msg-size-mib=64"]
    with started("rotel", command, port) as server:
        yield server


@contextmanager
def _collector(at: Next) -> Iterator[Server]:
    module = runpy.run_path(str(_COLLECTOR))
    cached = module["_cache"]()
    binary = next(iter(sorted(cached.glob("otelcol-*/otelcol"))), None)
    if binary is None:
        raise NotHereError("`python tests/e2e/collector.py` builds it")
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        config = Path(home) / "config.yaml"
        config.write_text(f"""\
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: '127.0.0.1:{port}', max_recv_msg_size_mib: 64}}}}}}}}
processors: {{batch: }}
exporters: {{otlp_grpc: {{endpoint: '127.0.0.1:{at.grpc_port}', compression: none, tls: {{insecure: true}}}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{traces: {{receivers: [otlp], processors: [batch], exporters: [otlp_grpc]}}}}
""")
        with started("Collector", [binary, "--config", config], port) as server:
            yield server

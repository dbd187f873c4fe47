"""How long one small request waits while large ones pass: in multiples of the no-op relay."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack

import grpc

from benchmarks.load import Load, keep_sending, warm_up
from benchmarks.servers import Server, noop_relay, otel_insights, sink
from benchmarks.tables import Ratio, show, verdict
from benchmarks.telemetry import request
from otel_insights.payload import Signal

_ROUNDS = 3
_SECONDS = 2.5
_PAUSE = 0.02
_GOAL = 1.5


def latency() -> None:
    """Send one span every 20 ms beside 8,192-span requests, of which two are always under way."""
    rows = []
    with ExitStack() as stack:
        at = stack.enter_context(sink())
        servers = {
            "noop": stack.enter_context(noop_relay(at)),
            "plain": stack.enter_context(otel_insights(at, processors=False)),
            "full": stack.enter_context(otel_insights(at)),
        }
        for share in (0.0, 0.01, 0.1):
            load = Load(request(Signal.TRACES, 8192, share), 8192 * 8)
            for server in servers.values():
                warm_up(server, load)
            seen = {name: [] for name in servers}
            for _ in range(_ROUNDS):
                for name, server in servers.items():
                    seen[name].append(_beside(server, load))
            for quantile, index in (("p50", 0), ("p99", 1)):
                of = {name: [one[index] for one in values] for name, values in seen.items()}
                plain, full = Ratio.of(of["plain"], of["noop"]), Ratio.of(of["full"], of["noop"])
                goal = _GOAL if quantile == "p50" else None
                rows.append([f"{share:.0%}, {quantile}", str(plain), str(full), verdict(full.median, goal)])
                print(" ", *rows[-1], f"[no-op {statistics.median(of['noop']) * 1e3:.1f} ms]", file=sys.stderr)
    head = ("exceptions in the large requests", "no processors", "default pipeline", "goal")
    notes = (
        f"Time until one span is answered, in multiples of the no-op relay: median (spread of {_ROUNDS} runs).",
        "Who takes longer for the large requests gets fewer of them, so that a ratio below 1 is no merit.",
    )
    show("Latency of a small request beside large ones", head, rows, *notes)


def _beside(server: Server, load: Load) -> tuple[float, float]:
    """Measure p50 and p99, in seconds, from a process of its own: this one is busy with the large requests."""
    command = [sys.executable, "-m", "benchmarks.latency", str(server.port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as prober:
        asyncio.run(keep_sending(server.port, load, until=lambda: prober.poll() is not None))
        p50, p99 = prober.stdout.read().split()  # type: ignore[union-attr]
    return float(p50), float(p99)


def _probe(port: int) -> None:
    small = request(Signal.TRACES, 1)
    waited = []
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(small.signal.grpc_method)
        call(small.data, timeout=60)
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            time.sleep(_PAUSE)
            began = time.perf_counter()
            call(small.data, timeout=60)
            waited.append(time.perf_counter() - began)
    cuts = statistics.quantiles(waited, n=100)
    print(cuts[49], cuts[98])


if __name__ == "__main__":
    _probe(int(sys.argv[1]))

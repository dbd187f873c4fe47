"""What passing costs: CPU time per span, log record or data point, in multiples of a relay that looks at nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.load import Load, cpu_per_item, warm_up
from benchmarks.servers import Server, noop_relay, otel_insights, sink
from benchmarks.tables import Ratio, show, verdict
from benchmarks.telemetry import request
from otel_insights.payload import Signal

_ROUNDS = 5
_HEAD = ("request", "exceptions", "no processors", "default pipeline", "goal")


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table: what is sent, and what is wanted of the default pipeline."""

    signal: Signal
    size: int
    share: float
    what: str = "new"
    """`new`; `retried`: the same request again and again; `new, each its own message`: no stack trace comes twice."""
    goal: float | None = None
    items: int = 120_000

    def load(self, *, gzip: bool = False) -> Load:
        """Make what is sent in one round."""
        made = request(self.signal, self.size, self.share, distinct="own" in self.what)
        return Load(made, self.items, self.what != "retried", gzip)

    def row(self) -> list[str]:
        """Describe it."""
        what = f", {self.what}" if self.share else ""
        return [f"{self.size:,} {self.signal.item.replace('_', ' ')}", f"{self.share:.0%}{what}"]


_OWN = "new, each its own message"
TRACES = (
    Case(Signal.TRACES, 512, 0.0, goal=1.25),
    Case(Signal.TRACES, 512, 0.01, goal=1.5),
    Case(Signal.TRACES, 512, 0.1, goal=2.0),
    Case(Signal.TRACES, 8192, 0.0, goal=1.25),
    Case(Signal.TRACES, 8192, 0.01, goal=1.8),
    Case(Signal.TRACES, 8192, 0.1, goal=3.2),
)
EXTREMES = (
    Case(Signal.TRACES, 512, 0.1, "retried"),
    Case(Signal.TRACES, 8192, 0.1, "retried"),
    Case(Signal.TRACES, 512, 0.01, _OWN),
    Case(Signal.TRACES, 512, 0.1, _OWN),
    Case(Signal.TRACES, 8192, 0.1, _OWN),
)
LOGS = tuple(Case(Signal.LOGS, size, share, items=240_000) for size in (512, 8192) for share in (0.0, 0.01, 0.1))
METRICS = tuple(Case(Signal.METRICS, size, 0.0, items=800_000) for size in (512, 8192))
GZIP = (
    Case(Signal.TRACES, 512, 0.0, goal=0.3, items=60_000),
    Case(Signal.TRACES, 8192, 0.0, goal=0.3, items=60_000),
    Case(Signal.TRACES, 512, 0.01, goal=0.3, items=60_000),
    Case(Signal.TRACES, 512, 0.1, items=60_000),
    Case(Signal.LOGS, 8192, 0.0, items=240_000),
    Case(Signal.METRICS, 8192, 0.0, items=400_000),
)


def measure(
    servers: Mapping[str, Server], load: Load, rounds: int, settling: Iterable[str] = ()
) -> dict[str, list[float]]:
    """Send a load to all servers in turn, again and again, so that noise on the machine hits them alike."""
    cost: dict[str, list[float]] = {name: [] for name in servers}
    for server in servers.values():
        warm_up(server, load)
    for _ in range(rounds):
        for name, server in servers.items():
            cost[name].append(cpu_per_item(server, load, settle=name in settling))
    return cost


def plain() -> None:
    """Traces, uncompressed: the common case, for which there are goals."""
    _compare("Relay, traces", TRACES)


def extremes() -> None:
    """Traces that are retried over and over, and exceptions none of which was seen before."""
    _compare("Relay, traces, retried and never seen before", EXTREMES)


def logs() -> None:
    """Log records, uncompressed."""
    _compare("Relay, logs", LOGS)


def metrics() -> None:
    """Metrics, uncompressed; items are data points."""
    _compare("Relay, metrics", METRICS)


def gzip() -> None:
    """Compressed in and out, in multiples of grpcio's own gzip."""
    _compare("Relay, gzip in and out", GZIP, gzip=True)


def _compare(title: str, cases: Sequence[Case], *, gzip: bool = False) -> None:
    rows = []
    with ExitStack() as stack:
        at = stack.enter_context(sink())
        servers = {
            "noop": stack.enter_context(noop_relay(at, gzip=gzip)),
            "plain": stack.enter_context(otel_insights(at, processors=False, gzip=gzip)),
            "full": stack.enter_context(otel_insights(at, gzip=gzip)),
        }
        for case in cases:
            cost = measure(servers, case.load(gzip=gzip), _ROUNDS)
            bare, full = Ratio.of(cost["plain"], cost["noop"]), Ratio.of(cost["full"], cost["noop"])
            rows.append([*case.row(), str(bare), str(full), verdict(full.median, case.goal)])
            print(f"  {' '.join(rows[-1])}   [no-op {min(cost['noop']) * 1e6:.2f} us]", file=sys.stderr, flush=True)
    yardstick = "grpcio's own gzip in and out" if gzip else "the no-op relay"
    show(
        title, _HEAD, rows, f"Server CPU time per item in multiples of {yardstick}: median (spread of {_ROUNDS} runs)."
    )

"""What taking secrets out costs: the default pipelines with the processor `redaction`, beside those without it."""

from __future__ import annotations

import sys
from contextlib import ExitStack

from benchmarks.relay import Case, measure
from benchmarks.servers import noop_relay, otel_insights, sink
from benchmarks.tables import Ratio, show
from otel_insights.payload import Signal

_ROUNDS = 5
_CASES = (
    *(Case(Signal.TRACES, 512, share, items=60_000) for share in (0.0, 0.01, 0.1)),
    *(Case(Signal.LOGS, 512, share, items=60_000) for share in (0.0, 0.01, 0.1)),
    Case(Signal.METRICS, 512, 0.0, items=200_000),
)


def redacting() -> None:
    """Measure all three signals."""
    rows = []
    with ExitStack() as stack:
        at = stack.enter_context(sink())
        servers = {
            "noop": stack.enter_context(noop_relay(at)),
            "default": stack.enter_context(otel_insights(at)),
            "redaction": stack.enter_context(otel_insights(at, redaction=True)),
        }
        for case in _CASES:
            cost = measure(servers, case.load(), _ROUNDS)
            ratios = [str(Ratio.of(cost[name], cost["noop"])) for name in ("default", "redaction")]
            rows.append([*case.row(), *ratios])
            print(f"  {' '.join(rows[-1])}   [no-op {min(cost['noop']) * 1e6:.2f} us]", file=sys.stderr, flush=True)
    show(
        "Redaction",
        ("request", "exceptions", "default pipeline", "with redaction"),
        rows,
        f"Server CPU time per item in multiples of the no-op relay: median (spread of {_ROUNDS} runs).",
    )

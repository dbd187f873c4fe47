"""Memory over a long run: millions of spans with exceptions, none of which is like another in its trace."""

from __future__ import annotations

import sys
from contextlib import ExitStack

from benchmarks.load import Load, cpu_per_item, warm_up
from benchmarks.servers import otel_insights, sink
from benchmarks.tables import show, verdict
from benchmarks.telemetry import request
from otel_insights.payload import Signal

_GOAL_MB = 300
_STEPS = 10


def memory(*, full: bool = False) -> None:
    """Send 2 million spans, or 20 with `full`, 1 % of them with an exception, and look at the resident memory."""
    millions = 20 if full else 2
    rows = []
    with ExitStack() as stack:
        server = stack.enter_context(otel_insights(stack.enter_context(sink())))
        load = Load(request(Signal.TRACES, 512, 0.01), millions * 1_000_000 // _STEPS)
        warm_up(server, load)
        first = highest = server.memory()
        rows.append(["after the start", f"{first:.0f} MB", ""])
        for step in range(1, _STEPS + 1):
            cpu_per_item(server, load)
            now = server.memory()
            highest = max(highest, now)
            if step in (1, _STEPS // 2, _STEPS):
                rows.append([f"after {millions * step / _STEPS:g} million spans", f"{now:.0f} MB", ""])
            print(f"  {millions * step / _STEPS:g} million spans: {now:.0f} MB", file=sys.stderr, flush=True)
        rows.append(["highest", f"{highest:.0f} MB", verdict(highest, _GOAL_MB)])
    note = "512 spans a request, 1 % with an exception. The goal is for 20 million spans (`--full`)."
    show(f"Resident memory over {millions} million spans", ("when", "resident", "goal (MB)"), rows, note)

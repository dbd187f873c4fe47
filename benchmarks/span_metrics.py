"""What rate, errors and duration from spans cost: the processor `span_metrics`, alone and in the default pipeline."""

from __future__ import annotations

import statistics
from contextlib import ExitStack

from benchmarks.relay import Case, measure
from benchmarks.servers import noop_relay, otel_insights, sink
from benchmarks.tables import Ratio, show
from otel_insights.payload import Signal

_CASES = tuple(Case(Signal.TRACES, size, 0.01) for size in (512, 8192))


def span_metrics() -> None:
    """Relay traces with and without it, in multiples of a relay that looks at nothing."""
    rows = []
    with ExitStack() as stack:
        at = stack.enter_context(sink())
        servers = {
            "noop": stack.enter_context(noop_relay(at)),
            "plain": stack.enter_context(otel_insights(at, processors=False)),
            "counted": stack.enter_context(otel_insights(at, processors=False, span_metrics=True)),
            "full": stack.enter_context(otel_insights(at)),
            "both": stack.enter_context(otel_insights(at, span_metrics=True)),
        }
        for case in _CASES:
            cost = measure(servers, case.load(), 5)
            ratios = [str(Ratio.of(cost[name], cost["noop"])) for name in ("plain", "counted", "full", "both")]
            more = (statistics.median(cost["both"]) - statistics.median(cost["full"])) * 1e6
            rows.append([*case.row(), *ratios, f"{more:.2f} us"])
    head = ("request", "exceptions", "no processors", "with it", "default pipeline", "with it besides", "more a span")
    show("Rate, errors, duration", head, rows, "Server CPU time a span in multiples of the no-op relay.")

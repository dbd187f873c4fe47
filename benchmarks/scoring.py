"""What scoring metric points costs: in batches over many series, alone and through the gRPC door."""

from __future__ import annotations

import time
from contextlib import ExitStack

import numpy as np

from benchmarks.load import Load
from benchmarks.relay import measure
from benchmarks.servers import noop_relay, otel_insights, sink
from benchmarks.tables import Ratio, show, verdict
from benchmarks.telemetry import request
from otel_insights.analysis import detectors, episodes
from otel_insights.payload import Signal

_ROUNDS = 20
_GOAL_US = 1.0


def scoring() -> None:
    """Score a point of every series again and again; one thread, CPU time. The yardstick is a pass of numpy."""
    rows = []
    for many in (100, 1_000, 10_000, 100_000):
        known, state = detectors.new_state(many), episodes.new_state(many)
        rng, all_rows, allowed = np.random.default_rng(3), np.arange(many), np.ones(many, bool)
        taken, yardstick = [], []
        for turn in range(_ROUNDS + 5):
            values, at = rng.normal(100, 5, many), np.full(many, 1_700_000_000 + 60 * turn)
            began = time.process_time()
            for _ in range(10):
                np.sqrt(values * values + 1)
            between = time.process_time()
            judged = detectors.judge(known, all_rows, at, values)
            episodes.step(state, all_rows, at.astype(float), judged.score, allowed)
            if turn >= 5:  # the first ones touch new memory
                taken.append((time.process_time() - between) / many * 1e6)
                yardstick.append((between - began) / 10 / many * 1e6)
        median = float(np.median(taken))
        size = detectors.FIELDS.itemsize + episodes.FIELDS.itemsize
        goal = verdict(median, _GOAL_US) if many == 10_000 else ""
        rows.append([f"{many:,}", f"{median:.2f} us", str(Ratio.of(taken, yardstick)), f"{size:,} B", goal])
    show("Scoring", ("series", "a point", "x one pass of numpy", "state of a series", "goal (us)"), rows)
    _through_the_door()


def _through_the_door() -> None:
    rows = []
    with ExitStack() as stack:
        at = stack.enter_context(sink())
        servers = {
            "noop": stack.enter_context(noop_relay(at)),
            "plain": stack.enter_context(otel_insights(at, processors=False)),
            "full": stack.enter_context(otel_insights(at)),
        }
        for size in (512, 8192):
            cost = measure(servers, Load(request(Signal.METRICS, size), 200_000, True, False), 3)  # noqa: FBT003
            rows.append(
                [
                    f"{size:,}",
                    str(Ratio.of(cost["plain"], cost["noop"])),
                    str(Ratio.of(cost["full"], cost["noop"])),
                    f"{float(np.median(cost['full'])) * 1e6:.1f} us",
                ]
            )
    head = ("points a request", "no processors", "default pipeline", "a point of it")
    show("Scoring through the gRPC door", head, rows, "CPU time a point in multiples of the no-op relay.")

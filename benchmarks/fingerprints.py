"""What it costs to recognise an exception: one seen before, one whose message is new, one that is new altogether."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from functools import lru_cache

from benchmarks.failures import failures
from benchmarks.tables import show, verdict
from otel_insights.analysis.fingerprint import fingerprint

_ROUNDS = 7
_GOAL_US = 6.0


def fingerprints() -> None:
    """Time `fingerprint` behind a cache like that of the processor `exceptions`; one thread, CPU time."""
    rng = random.Random(3)
    known = failures(rng, 400)
    copies = [[(one.type, one.message, one.stacktrace) for one in known] for _ in range(_ROUNDS)]
    hashed = _microseconds(lambda round_: [hash(_new(one)) for one in copies[round_]], len(known))
    cached = lru_cache(8192)(fingerprint)
    for one in copies[0]:
        cached(*one)
    repeat = _microseconds(lambda round_: [cached(*_new(one)) for one in copies[round_]], len(known))
    requests = [[one.of_request(f"{rng.getrandbits(128):032x}") for one in known] for _ in range(_ROUNDS)]
    other = _microseconds(
        lambda round_: [cached(one.type, one.message, one.stacktrace) for one in requests[round_]], len(known)
    )
    strangers = [failures(rng, 100) for _ in range(_ROUNDS)]
    first = _microseconds(
        lambda round_: [cached(one.type, one.message, one.stacktrace) for one in strangers[round_]], 100
    )
    rows = [
        ["seen before, word for word", f"{repeat:.1f} us", f"{repeat / hashed:.1f}", verdict(repeat, _GOAL_US)],
        ["seen before, another value in its message", f"{other:.1f} us", f"{other / hashed:.0f}", ""],
        ["never seen", f"{first:.1f} us", f"{first / hashed:.0f}", ""],
    ]
    head = ("exception", "median", "x hashing its text", "goal (us)")
    show("Fingerprints", head, rows, "Stacks of 13 frames, about 2 KB.")


def _new(one: tuple[str, str, str]) -> tuple[str, str, str]:
    """Make the strings anew, as parsing does: a string remembers its hash."""
    return one[0], one[1], one[2].encode().decode()


def _microseconds(work: Callable[[int], object], count: int) -> float:
    taken = []
    for round_ in range(_ROUNDS):
        began = time.process_time()
        work(round_)
        taken.append((time.process_time() - began) / count * 1e6)
    return statistics.median(taken)

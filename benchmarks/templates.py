"""How many log lines a second are mined, by one core, as templates grow in number."""

from __future__ import annotations

import random
import time

from benchmarks.failures import WORDS
from benchmarks.tables import show
from otel_insights.analysis.templates import Miner

_LINES = 40_000
_GOALS = {40: 50_000.0, 10_000: 20_000.0}
"""Lines a second."""


def templates() -> None:
    """Mine lines of so many templates, each line with values of its own: numbers, and then words of hex too."""
    rows = []
    for count in (40, 1_000, 10_000):
        formats = _formats(count)
        miner = Miner("bench")
        learning = _lines_a_second(miner, [one.format(7, 8, "0a" * 16) for one in formats])
        numbers = _lines_a_second(miner, _filled(formats, hexes=False))
        hexes = _lines_a_second(miner, _filled(formats, hexes=True))
        held = _share_held(formats)
        goal = _GOALS.get(count)
        rows.append(
            [
                f"{len(miner):,}",
                f"{learning:,.0f}",
                f"{numbers:,.0f}",
                f"{hexes:,.0f}",
                f"{held:.1%}",
                "" if goal is None else f">= {goal:,.0f}: {'met' if hexes >= goal else 'MISSED'}",
            ]
        )
    show(
        "Log templates",
        (
            "templates",
            "first line of each",
            "lines that differ in numbers",
            "in hexadecimal words too",
            "ids that held",
            "goal",
        ),
        rows,
        "Lines a second of CPU time, one core; the goal is for the dearer lines. Last but one: of as many lines that"
        " differ in a word too, the share whose id at their arrival is the one that they have in the end.",
    )


def _formats(count: int) -> list[str]:
    """Make sentences that differ in more than one word, so that none of them becomes one with another."""
    rng = random.Random(5)
    words = [one + other for one in WORDS for other in WORDS]
    sentences = (" ".join(rng.choices(words, k=4)) for _ in range(count))
    return [f"{one} after {{}} ms, order {{}} ({{}})" for one in sentences]


def _filled(formats: list[str], *, hexes: bool) -> list[str]:
    rng = random.Random(7)
    return [
        rng.choice(formats).format(
            rng.randrange(10**4), rng.randrange(10**6), f"{rng.getrandbits(128):032x}" if hexes else "0a" * 16
        )
        for _ in range(_LINES)
    ]


def _share_held(formats: list[str]) -> float:
    rng, miner = random.Random(3), Miner("held")
    lines = [f"{line} for {rng.choice(WORDS)}" for line in _filled(formats, hexes=False)]
    first, last = ([miner.learn(line) for line in lines] for _ in range(2))
    return sum(
        one.template_id == other.template_id for one, other in zip(first, last, strict=True) if one and other
    ) / (len(lines))


def _lines_a_second(miner: Miner, lines: list[str]) -> float:
    began = time.process_time()
    for line in lines:
        miner.learn(line)
    return len(lines) / (time.process_time() - began)

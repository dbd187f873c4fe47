"""What the benchmarks print: ratios with their spread, as Markdown tables."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ratios of neighbouring runs of one thing and its yardstick."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, ours: Sequence[float], yardstick: Sequence[float]) -> Ratio:
        """Divide each run by the one of the yardstick that was made beside it."""
        return cls(tuple(one / other for one, other in zip(ours, yardstick, strict=True)))

    @property
    def median(self) -> float:
        """The figure that goals are held against."""
        return statistics.median(self.values)

    def __str__(self) -> str:
        return f"{self.median:.2f} ({min(self.values):.2f}-{max(self.values):.2f})"


def verdict(value: float, goal: float | None) -> str:
    """Say whether a goal is reached."""
    if goal is None:
        return ""
    return f"<= {goal:g}: {'met' if value <= goal else 'MISSED'}"


def show(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], *notes: str) -> None:
    """Print a table."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    print(f"\n## {title}\n")
    for row in (head, ["-" * width for width in widths], *rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
    for note in notes:
        print(f"\n{note}")
    print(flush=True)

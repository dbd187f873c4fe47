"""Lines that a series may not be beyond for longer than a time: threshold rules, for people who want just that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DETECTOR: Final = "threshold"
"""What an anomaly by a line names in place of a model."""
ABSENCE: Final = "absence"
"""What one names that is nothing but silence."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a value may not be above, or not below, for so many nanoseconds."""

    above: float | None = None
    below: float | None = None
    for_ns: int = 0

    def excess(self, value: float) -> float:
        """Tell how far a value is beyond the line, in multiples of it: above 1 where it is, else at most 1.

        >>> [Line(above=500.0).excess(750.0), Line(below=10.0).excess(5.0), Line(above=0.0).excess(3.0)]
        [1.5, 1.5, 4.0]
        """
        found = 1.0
        for line, beyond in ((self.above, 1.0), (self.below, -1.0)):
            if line is not None and (value - line) * beyond > 0:
                found = max(found, 1 + abs(value - line) / (abs(line) or 1.0))
        return found


@dataclass(slots=True)
class Watch:
    """How a series stands to its line."""

    line: Line
    is_open: bool = False
    beyond_ns: int | None = None
    """Since when it is beyond."""

    def step(self, time_ns: int, value: float) -> tuple[bool, bool]:
        """Take the next point; whether with it the time is up, and whether it is back after that."""
        if self.line.excess(value) <= 1:
            self.beyond_ns = None
            closed, self.is_open = self.is_open, False
            return False, closed
        if self.beyond_ns is None:
            self.beyond_ns = time_ns
        opened = not self.is_open and time_ns - self.beyond_ns >= self.line.for_ns
        self.is_open |= opened
        return opened, False

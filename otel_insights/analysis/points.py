"""Points of many metric series at once: what is counted, windowed and scored together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Points:
    """Values of many series, sorted by time; those of one time keep the order in which they came.

    A row is a series' place in whatever keeps state about series. NaN stands for "no value was recorded": it is
    missing, and never 0.

    >>> points = Points.sorted(np.array([0, 1, 0]), np.array([20, 10, 10]), np.array([2.0, 7.0, 1.0]))
    >>> points.times.tolist(), points.rows.tolist(), points.values.tolist()
    ([10, 10, 20], [1, 0, 0], [7.0, 1.0, 2.0])
    """

    rows: NDArray[np.int32]
    times: NDArray[np.int64]
    """Unix time in nanoseconds."""
    values: NDArray[np.float64]

    @classmethod
    def sorted(cls, rows: NDArray[np.integer], times: NDArray[np.integer], values: NDArray[np.floating]) -> Points:
        """Put points in the order of their times."""
        order = np.argsort(times, kind="stable")
        return cls(rows[order].astype(np.int32), times[order].astype(np.int64), values[order].astype(np.float64))

    def __len__(self) -> int:
        """Count the points."""
        return len(self.rows)

"""The migration that brings the window of the latest metric points."""

from __future__ import annotations

from typing import Final

METRIC_WINDOW: Final = (
    "0015 the latest metric points",
    """
    -- As the window of log records, but for what is kept: columns of series, time and value, compressed.
    CREATE TABLE metric_window (upto INTEGER PRIMARY KEY, arrived_ns INTEGER NOT NULL, data BLOB NOT NULL);
    CREATE TABLE metric_series (
        number INTEGER PRIMARY KEY, service TEXT NOT NULL, metric TEXT NOT NULL, labels TEXT NOT NULL,
        kind TEXT NOT NULL, series TEXT NOT NULL, used_ns INTEGER NOT NULL
    );
    CREATE INDEX metric_series_by_series ON metric_series (series);
    """,
)

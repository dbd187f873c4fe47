"""The migration that brings the window of the latest metric points."""

from __future__ import annotations

from typing import Final

METRIC_WINDOW: Final = (
    "0015 the latest metric points",
    """
    -- As the window of log records; requests are compressed.
    CREATE TABLE metric_window (upto INTEGER PRIMARY KEY, arrived_ns INTEGER NOT NULL, data BLOB NOT NULL);
    """,
)

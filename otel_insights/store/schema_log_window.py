"""The migration that brings the window of the latest log records."""

from __future__ import annotations

from typing import Final

LOG_WINDOW: Final = (
    "0008 the latest log records",
    """
    -- Requests as they went on, in the order of arrival. `upto` counts the bytes until the end of each, so that what
    -- lies before the last so many bytes is a range of keys.
    CREATE TABLE log_window (upto INTEGER PRIMARY KEY, arrived_ns INTEGER NOT NULL, data BLOB NOT NULL);
    """,
)

"""The migration that lets counts of log records wait, so that many requests are added up at once."""

from __future__ import annotations

from typing import Final

LOG_TALLY: Final = (
    "0010 counts of log records that wait",
    """
    -- What requests have counted, as JSON; folded into log_template_count and log_template_hour some requests later.
    CREATE TABLE log_tally (id INTEGER PRIMARY KEY, counted TEXT NOT NULL);
    """,
)

"""A migration: a trace to look at, for an anomaly."""

from __future__ import annotations

from typing import Final

ANOMALY_TRACES: Final = (
    "0016 a trace to look at for an anomaly",
    """
    ALTER TABLE anomaly ADD COLUMN trace_id TEXT NOT NULL DEFAULT '';
    ALTER TABLE anomaly ADD COLUMN span_id TEXT NOT NULL DEFAULT '';
    """,
)

"""A migration: summaries that a language model wrote, and what was spent on them."""

from __future__ import annotations

from typing import Final

WRITTEN_SUMMARIES: Final = (
    "0017 summaries by a language model",
    """
    -- Under a hash of all that was asked: the same is not asked twice.
    CREATE TABLE written_summary (
        key TEXT PRIMARY KEY, subject TEXT NOT NULL, model TEXT NOT NULL, text TEXT NOT NULL,
        created_ns INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX written_summary_by_subject ON written_summary (subject, created_ns);
    CREATE TABLE summary_budget (day INTEGER PRIMARY KEY, tokens INTEGER NOT NULL);
    """,
)

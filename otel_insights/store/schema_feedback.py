"""The third migration: what people say of suggestions, and how often each was told."""

from __future__ import annotations

from typing import Final

FEEDBACK: Final = (
    "0003 feedback on suggestions",
    """
    -- How often it came to hold: what was withdrawn and holds again is news.
    ALTER TABLE suggestion ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
    UPDATE suggestion SET told = 1 WHERE tier = 'established';
    -- With its conditions, so that it goes on to mean the same when the suggestion has gone into another cluster.
    CREATE TABLE feedback (
        id INTEGER PRIMARY KEY, suggestion_id TEXT NOT NULL, cluster_id TEXT NOT NULL, conditions TEXT NOT NULL,
        verdict TEXT NOT NULL, key TEXT NOT NULL DEFAULT '', value TEXT NOT NULL DEFAULT '', time_ns INTEGER NOT NULL
    );
    CREATE INDEX feedback_by_cluster ON feedback (cluster_id, suggestion_id, id);
    """,
)

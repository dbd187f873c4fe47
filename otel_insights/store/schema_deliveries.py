"""A migration: findings on their way to people, one row for each finding and receiver."""

from __future__ import annotations

from typing import Final

DELIVERIES: Final = (
    "0004 deliveries to webhooks",
    """
    CREATE TABLE delivery (
        id INTEGER PRIMARY KEY,
        exporter TEXT NOT NULL, finding_id TEXT NOT NULL, event TEXT NOT NULL, cluster_id TEXT NOT NULL,
        record BLOB NOT NULL, arrived_ns INTEGER NOT NULL,
        state TEXT NOT NULL DEFAULT 'waiting', attempts INTEGER NOT NULL DEFAULT 0, due_ns INTEGER NOT NULL,
        settled_ns INTEGER, trouble TEXT NOT NULL DEFAULT '',
        UNIQUE (exporter, finding_id)
    );
    CREATE INDEX delivery_waiting ON delivery (exporter, due_ns) WHERE state = 'waiting';
    """,
)

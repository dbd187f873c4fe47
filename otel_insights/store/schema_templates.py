"""The migration that brings log templates, how often each was logged, and the latest log records."""

from __future__ import annotations

from typing import Final

TEMPLATES: Final = (
    "0005 log templates",
    """
    -- All that a miner needs to go on, and what is shown of a template; written when that changes, not when it is met.
    CREATE TABLE log_template (
        id TEXT PRIMARY KEY, namespace TEXT NOT NULL, service TEXT NOT NULL,
        text TEXT NOT NULL, name TEXT NOT NULL DEFAULT '', created_ns INTEGER NOT NULL,
        tokens TEXT NOT NULL, gaps TEXT NOT NULL, opens INTEGER NOT NULL, mined INTEGER NOT NULL,
        sites TEXT NOT NULL, hits INTEGER NOT NULL,
        merged_into TEXT, merged_by TEXT NOT NULL DEFAULT '', announced INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX log_template_by_service ON log_template (namespace, service, created_ns);
    CREATE INDEX log_template_merged ON log_template (merged_into) WHERE merged_into IS NOT NULL;
    CREATE INDEX log_template_unannounced ON log_template (created_ns) WHERE NOT announced;
    CREATE TABLE log_template_count (
        template_id TEXT NOT NULL, severity TEXT NOT NULL,
        weight REAL NOT NULL, first_seen_ns INTEGER NOT NULL, last_seen_ns INTEGER NOT NULL,
        PRIMARY KEY (template_id, severity)
    ) WITHOUT ROWID;
    CREATE TABLE log_template_hour (
        template_id TEXT NOT NULL, hour INTEGER NOT NULL, severity TEXT NOT NULL, weight REAL NOT NULL,
        PRIMARY KEY (template_id, hour, severity)
    ) WITHOUT ROWID;
    CREATE TABLE log_template_example (
        template_id TEXT NOT NULL, body TEXT NOT NULL, severity TEXT NOT NULL, time_ns INTEGER NOT NULL,
        trace_id BLOB NOT NULL, span_id BLOB NOT NULL,
        PRIMARY KEY (template_id, body)
    );
    -- Records that were counted: one that comes again is not. Two tables, so that the older half is let go in one go.
    CREATE TABLE log_key_0 (key INTEGER PRIMARY KEY);
    CREATE TABLE log_key_1 (key INTEGER PRIMARY KEY);
    """,
)

"""A migration: runs of jobs and agents, and what people have changed of them."""

from __future__ import annotations

from typing import Final

RUNS: Final = (
    "0006 runs of jobs and agents",
    """
    CREATE TABLE run (
        id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE,
        agent_name TEXT NOT NULL DEFAULT '', job_type TEXT NOT NULL DEFAULT '',
        status TEXT NOT NULL DEFAULT 'running', created_ns INTEGER NOT NULL, updated_ns INTEGER NOT NULL,
        start_ns INTEGER, end_ns INTEGER, duration_ms INTEGER, due_ns INTEGER, stale_ns INTEGER,
        namespace TEXT NOT NULL DEFAULT '', service TEXT NOT NULL DEFAULT '', instance TEXT NOT NULL DEFAULT '',
        trace_id BLOB, span_id BLOB,
        product TEXT, platform TEXT, insight_id TEXT,
        input_summary TEXT, output_summary TEXT, error_summary TEXT, error_details TEXT,
        items_discovered INTEGER, items_succeeded INTEGER, items_failed INTEGER, items_skipped INTEGER,
        metrics_json TEXT, context_json TEXT,
        git_repo TEXT, git_branch TEXT, git_commit_hash TEXT, commit_source TEXT, commit_author TEXT
    );
    CREATE INDEX run_by_agent ON run (agent_name, status, id);
    CREATE INDEX run_by_status ON run (status, id);
    CREATE INDEX run_due ON run (due_ns) WHERE status = 'running';
    -- What telemetry says later does not undo what a person has set.
    CREATE TABLE run_edit (
        id INTEGER PRIMARY KEY, event_id TEXT NOT NULL, time_ns INTEGER NOT NULL,
        field TEXT NOT NULL, before TEXT, after TEXT
    );
    CREATE INDEX run_edit_by_run ON run_edit (event_id, id);
    """,
)

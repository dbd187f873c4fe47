"""The schema, as ordered migrations: each runs once, in one transaction, and is never edited after a release."""

from __future__ import annotations

from typing import TypeAlias

import sqlite_utils

from otel_insights.store.engine import Database
from otel_insights.store.schema_anomalies import ANOMALIES
from otel_insights.store.schema_anomaly_traces import ANOMALY_TRACES
from otel_insights.store.schema_changes import CHANGES
from otel_insights.store.schema_cluster_services import CLUSTER_SERVICES
from otel_insights.store.schema_counts import COUNTS
from otel_insights.store.schema_deliveries import DELIVERIES
from otel_insights.store.schema_feedback import FEEDBACK
from otel_insights.store.schema_keys import KEYS
from otel_insights.store.schema_lives import LIVES
from otel_insights.store.schema_log_patterns import LOG_PATTERNS
from otel_insights.store.schema_log_tally import LOG_TALLY
from otel_insights.store.schema_log_window import LOG_WINDOW
from otel_insights.store.schema_metric_window import METRIC_WINDOW
from otel_insights.store.schema_run_tally import RUN_TALLY
from otel_insights.store.schema_runs import RUNS
from otel_insights.store.schema_template_states import TEMPLATE_STATES
from otel_insights.store.schema_templates import TEMPLATES
from otel_insights.store.schema_written_summaries import WRITTEN_SUMMARIES

Migration: TypeAlias = tuple[str, str]
"""Its name, and SQL."""
MIGRATIONS: tuple[Migration, ...] = (
    (
        "0001 exceptions, environments, suggestions",
        """
        CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

        CREATE TABLE configuration (hash TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE environment (
            id INTEGER PRIMARY KEY,
            namespace TEXT NOT NULL, service TEXT NOT NULL, instance TEXT NOT NULL,
            configuration_hash TEXT NOT NULL DEFAULT '',
            packages INTEGER NOT NULL DEFAULT 0,
            exposure REAL NOT NULL DEFAULT 0,
            first_seen_ns INTEGER NOT NULL, last_seen_ns INTEGER NOT NULL,
            UNIQUE (namespace, service, instance)
        );

        CREATE TABLE cluster (
            id TEXT PRIMARY KEY, namespace TEXT NOT NULL,
            title TEXT NOT NULL, exception_type TEXT NOT NULL, created_ns INTEGER NOT NULL,
            merged_into TEXT REFERENCES cluster (id),
            evidence TEXT NOT NULL DEFAULT ''
        ) WITHOUT ROWID;
        CREATE INDEX cluster_by_namespace ON cluster (namespace, created_ns);

        CREATE TABLE fingerprint (
            namespace TEXT NOT NULL, id TEXT NOT NULL,
            exception_type TEXT NOT NULL, root_type TEXT NOT NULL, title TEXT NOT NULL,
            signature TEXT NOT NULL, block TEXT NOT NULL, complete INTEGER NOT NULL,
            packages TEXT NOT NULL, reasons TEXT NOT NULL,
            occurrences REAL NOT NULL DEFAULT 0,
            first_seen_ns INTEGER NOT NULL, last_seen_ns INTEGER NOT NULL,
            cluster_id TEXT REFERENCES cluster (id), probability REAL NOT NULL DEFAULT 0,
            PRIMARY KEY (namespace, id)
        );
        CREATE INDEX fingerprint_by_cluster ON fingerprint (cluster_id);
        -- The first of its kind, apart from the counts: a row is written anew, whole, with each change.
        CREATE TABLE example (
            namespace TEXT NOT NULL, fingerprint TEXT NOT NULL, message TEXT NOT NULL, stacktrace TEXT NOT NULL,
            PRIMARY KEY (namespace, fingerprint)
        );

        -- One row for each raise, however many spans and logs recorded it.
        CREATE TABLE occurrence (
            id INTEGER PRIMARY KEY,
            namespace TEXT NOT NULL, fingerprint TEXT NOT NULL, environment_id INTEGER NOT NULL,
            weight REAL NOT NULL, time_ns INTEGER NOT NULL, complete INTEGER NOT NULL,
            trace_id BLOB NOT NULL, span_id BLOB NOT NULL,
            recorded_ns INTEGER NOT NULL, place INTEGER NOT NULL
        );
        CREATE INDEX occurrence_by_fingerprint ON occurrence (namespace, fingerprint, time_ns);
        -- Where an occurrence is known again. A place is a trace (or, without one, the observation itself), so that
        -- all that is asked and written for one raise lies side by side. Keys are of an observation (trace, span,
        -- position; or a log record and its resource), and those by which two observations of one raise know each
        -- other. Both are 63-bit hashes.
        CREATE TABLE known (
            place INTEGER NOT NULL, key INTEGER NOT NULL, occurrence_id INTEGER NOT NULL,
            PRIMARY KEY (place, key)
        ) WITHOUT ROWID;

        -- Kept when occurrences have been dropped for their age: counts stay exact.
        CREATE TABLE failure (
            namespace TEXT NOT NULL, fingerprint TEXT NOT NULL, environment_id INTEGER NOT NULL,
            weight REAL NOT NULL, first_seen_ns INTEGER NOT NULL, last_seen_ns INTEGER NOT NULL,
            PRIMARY KEY (namespace, fingerprint, environment_id)
        ) WITHOUT ROWID;
        CREATE INDEX failure_by_environment ON failure (environment_id);

        CREATE TABLE suggestion (
            id TEXT PRIMARY KEY, cluster_id TEXT NOT NULL REFERENCES cluster (id),
            rank INTEGER NOT NULL, tier TEXT NOT NULL, body TEXT NOT NULL,
            created_ns INTEGER NOT NULL, withdrawn_ns INTEGER
        ) WITHOUT ROWID;
        CREATE INDEX suggestion_by_cluster ON suggestion (cluster_id, rank);
        CREATE TABLE silence (
            cluster_id TEXT PRIMARY KEY REFERENCES cluster (id), reason TEXT NOT NULL, text TEXT NOT NULL
        ) WITHOUT ROWID;

        -- Findings leave from here, written with the state that they report.
        CREATE TABLE outbox (
            id INTEGER PRIMARY KEY AUTOINCREMENT, finding_id TEXT NOT NULL UNIQUE,
            record BLOB NOT NULL, sent_ns INTEGER, refused TEXT
        );
        CREATE INDEX outbox_waiting ON outbox (id) WHERE sent_ns IS NULL;
        """,
    ),
    LIVES,
    FEEDBACK,
    DELIVERIES,
    TEMPLATES,
    RUNS,
    LOG_PATTERNS,
    LOG_WINDOW,
    COUNTS,
    LOG_TALLY,
    KEYS,
    CHANGES,
    TEMPLATE_STATES,
    ANOMALIES,
    METRIC_WINDOW,
    ANOMALY_TRACES,
    WRITTEN_SUMMARIES,
    RUN_TALLY,
    CLUSTER_SERVICES,
)


def migrate(db: sqlite_utils.Database) -> None:
    """Bring a file to the newest schema. Raises RuntimeError for a store written by a newer otel-insights."""
    db.execute("CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY) WITHOUT ROWID")
    for name, script in missing(db, MIGRATIONS):
        db.conn.executescript(f"BEGIN IMMEDIATE;\n{script}\nINSERT INTO migration VALUES ('{name}');\nCOMMIT;")


def missing(db: Database, migrations: tuple[Migration, ...]) -> tuple[Migration, ...]:
    """Tell which of the migrations are still to be run. Raises RuntimeError where others have been than these."""
    done = [row[0] for row in db.execute("SELECT name FROM migration ORDER BY name")]
    known = [name for name, _ in migrations]
    if done != known[: len(done)]:
        raise RuntimeError(f"the store was written by another version: it holds the migrations {done}, known: {known}")
    return migrations[len(done) :]

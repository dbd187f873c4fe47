"""A migration: anomalies of metric series, what people said of them, and what is known of series."""

from __future__ import annotations

from typing import Final

ANOMALIES: Final = (
    "0014 anomalies of metrics",
    """
    CREATE TABLE anomaly (
        id TEXT PRIMARY KEY, series TEXT NOT NULL,
        namespace TEXT NOT NULL, service TEXT NOT NULL, instance TEXT NOT NULL,
        metric TEXT NOT NULL, part TEXT NOT NULL, attributes TEXT NOT NULL, resource TEXT NOT NULL,
        opened_ns INTEGER NOT NULL, closed_ns INTEGER, ended TEXT NOT NULL DEFAULT '', recorded_ns INTEGER NOT NULL,
        score REAL NOT NULL, threshold REAL NOT NULL, observed REAL NOT NULL, expected REAL,
        lower REAL, upper REAL, direction TEXT NOT NULL, detector TEXT NOT NULL, verdict TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID;
    CREATE INDEX anomaly_by_time ON anomaly (opened_ns, id);
    CREATE INDEX anomaly_by_series ON anomaly (series);
    CREATE INDEX anomaly_open ON anomaly (id) WHERE closed_ns IS NULL;

    -- How much higher than others' the threshold of a series is, by what people have said.
    CREATE TABLE series_factor (series TEXT PRIMARY KEY, factor REAL NOT NULL) WITHOUT ROWID;
    CREATE TABLE anomaly_count (
        service TEXT NOT NULL, metric TEXT NOT NULL, anomalies INTEGER NOT NULL, PRIMARY KEY (service, metric)
    ) WITHOUT ROWID;
    -- What detectors know of series, in parts of a thousand; the last one saved.
    CREATE TABLE series_state (
        part INTEGER PRIMARY KEY, detector TEXT NOT NULL, keys BLOB NOT NULL, body BLOB NOT NULL,
        saved_ns INTEGER NOT NULL
    );
    """,
)

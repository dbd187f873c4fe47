"""The second migration: what clusters live through, and what people say of them."""

from __future__ import annotations

from typing import Final

LIVES: Final = (
    "0002 lives and corrections of clusters",
    """
    ALTER TABLE fingerprint ADD COLUMN heard_ns INTEGER NOT NULL DEFAULT 0;
    UPDATE fingerprint SET heard_ns = last_seen_ns;
    -- Folded: not clustered and not kept in memory, until it is seen again.
    ALTER TABLE fingerprint ADD COLUMN folded INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX fingerprint_by_arrival ON fingerprint (cluster_id, heard_ns);
    CREATE INDEX fingerprint_by_block ON fingerprint (namespace, block);

    -- Hours since the epoch, by the events' own times. Of fingerprints, so that counts follow merges and splits.
    CREATE TABLE fingerprint_hour (
        namespace TEXT NOT NULL, fingerprint TEXT NOT NULL, hour INTEGER NOT NULL, weight REAL NOT NULL,
        PRIMARY KEY (namespace, fingerprint, hour)
    ) WITHOUT ROWID;
    CREATE INDEX fingerprint_hour_by_hour ON fingerprint_hour (hour);
    -- Fingerprints that were heard of since their clusters were looked at.
    CREATE TABLE touched (
        namespace TEXT NOT NULL, fingerprint TEXT NOT NULL, PRIMARY KEY (namespace, fingerprint)
    ) WITHOUT ROWID;
    CREATE TABLE sighting (
        namespace TEXT NOT NULL, fingerprint TEXT NOT NULL, service TEXT NOT NULL, version TEXT NOT NULL,
        first_seen_ns INTEGER NOT NULL, last_seen_ns INTEGER NOT NULL,
        PRIMARY KEY (namespace, fingerprint, service, version)
    ) WITHOUT ROWID;
    CREATE TABLE exemplar (
        namespace TEXT NOT NULL, fingerprint TEXT NOT NULL, environment_id INTEGER NOT NULL,
        trace_id BLOB NOT NULL, span_id BLOB NOT NULL, time_ns INTEGER NOT NULL,
        PRIMARY KEY (namespace, fingerprint, environment_id)
    ) WITHOUT ROWID;

    CREATE TABLE cluster_life (
        cluster_id TEXT PRIMARY KEY REFERENCES cluster (id), state TEXT NOT NULL, since_ns INTEGER NOT NULL,
        until_ns INTEGER, resolved_by TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID;
    CREATE INDEX cluster_life_by_state ON cluster_life (state, since_ns);
    -- What became of clusters, and who said so.
    CREATE TABLE cluster_change (
        id INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, cluster_id TEXT NOT NULL, kind TEXT NOT NULL,
        other TEXT NOT NULL DEFAULT '', decided_by TEXT NOT NULL
    );
    CREATE INDEX cluster_change_by_cluster ON cluster_change (cluster_id, id);
    CREATE INDEX cluster_change_by_other ON cluster_change (other);
    CREATE TABLE similar_cluster (
        cluster_id TEXT NOT NULL, other_id TEXT NOT NULL, similarity REAL NOT NULL, PRIMARY KEY (cluster_id, other_id)
    ) WITHOUT ROWID;

    -- Where people want fingerprints to be; by a rule if that is not 0.
    CREATE TABLE pin (
        namespace TEXT NOT NULL, fingerprint TEXT NOT NULL, cluster_id TEXT NOT NULL,
        rule_id INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (namespace, fingerprint)
    ) WITHOUT ROWID;
    CREATE INDEX pin_by_cluster ON pin (cluster_id);
    CREATE TABLE rule (
        id INTEGER PRIMARY KEY AUTOINCREMENT, namespace TEXT NOT NULL, cluster_id TEXT NOT NULL,
        exception_type TEXT NOT NULL, message TEXT NOT NULL, frame TEXT NOT NULL, created_ns INTEGER NOT NULL
    );
    CREATE TABLE library_module (prefix TEXT PRIMARY KEY, created_ns INTEGER NOT NULL) WITHOUT ROWID;
    """,
)

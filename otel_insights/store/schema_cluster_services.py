"""A migration: of each cluster, what it did in each service, so that lists do not add it up from single failures."""

from __future__ import annotations

from typing import Final

_STALE: Final = "INSERT INTO cluster_stale SELECT cluster_id FROM fingerprint WHERE cluster_id IS NOT NULL"
_ONCE: Final = "ON CONFLICT DO NOTHING"
"""Not `OR IGNORE`: within a trigger the policy of the statement that fires it would hold instead."""
SUMS: Final = (
    "cluster_id, service, sum(weight), count(DISTINCT environment_id), min(failure.first_seen_ns),"
    " max(failure.last_seen_ns) FROM fingerprint JOIN failure ON failure.namespace = fingerprint.namespace"
    " AND failure.fingerprint = fingerprint.id AND weight > 0 JOIN environment ON environment.id = environment_id"
)
"""What is added up; an environment has one service, so that environments can be added up over services."""

CLUSTER_SERVICES: Final = (
    "0019 what clusters did in services",
    f"""
    CREATE TABLE cluster_service (
        cluster_id TEXT NOT NULL, service TEXT NOT NULL, occurrences REAL NOT NULL, environments INTEGER NOT NULL,
        first_seen_ns INTEGER NOT NULL, last_seen_ns INTEGER NOT NULL, PRIMARY KEY (cluster_id, service)
    ) WITHOUT ROWID;
    CREATE INDEX cluster_service_by_service ON cluster_service (service, first_seen_ns);
    INSERT INTO cluster_service SELECT {SUMS} WHERE cluster_id IS NOT NULL GROUP BY 1, 2;

    -- Clusters of which that is to be added up anew.
    CREATE TABLE cluster_stale (cluster_id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TRIGGER failure_makes_stale AFTER INSERT ON failure BEGIN
        {_STALE} AND namespace = new.namespace AND id = new.fingerprint {_ONCE};
    END;
    CREATE TRIGGER failure_makes_stale_again AFTER UPDATE ON failure BEGIN
        {_STALE} AND namespace = new.namespace AND id = new.fingerprint {_ONCE};
    END;
    CREATE TRIGGER member_makes_stale AFTER UPDATE OF cluster_id ON fingerprint
        WHEN old.cluster_id IS NOT new.cluster_id
    BEGIN
        INSERT INTO cluster_stale SELECT old.cluster_id WHERE old.cluster_id IS NOT NULL {_ONCE};
        INSERT INTO cluster_stale SELECT new.cluster_id WHERE new.cluster_id IS NOT NULL {_ONCE};
    END;
    """,
)

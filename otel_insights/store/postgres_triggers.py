"""Migrations that PostgreSQL needs in its own words: those with triggers, and those that move what is there."""

from __future__ import annotations

from typing import Final

from otel_insights.store.migrations import Migration
from otel_insights.store.schema_cluster_services import SUMS
from otel_insights.store.schema_run_tally import COLUMNS, TALLIED, count

COUNTS: Final[Migration] = ("0009 counts are tallied", "DROP INDEX occurrence_by_fingerprint;")
"""No store on PostgreSQL is older than it, so that there is nothing to count anew."""
KEYS: Final[Migration] = (
    "0011 keys are indexed later",
    """
    ALTER TABLE occurrence ADD COLUMN keys TEXT NOT NULL DEFAULT '';
    INSERT INTO setting VALUES ('indexed', '0');
    """,
)
RUN_TALLY: Final[Migration] = (
    "0018 counts of runs",
    f"""
    CREATE TABLE run_tally (
        agent_name TEXT NOT NULL, job_type TEXT NOT NULL, status TEXT NOT NULL, {COLUMNS},
        PRIMARY KEY (agent_name, job_type, status)
    );
    CREATE INDEX run_tally_by_runs ON run_tally (runs);
    CREATE TABLE run_total (id INTEGER PRIMARY KEY, {COLUMNS});
    CREATE FUNCTION count_run() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP IN ('DELETE', 'UPDATE') THEN {count("old", "-")} END IF;
        IF TG_OP IN ('INSERT', 'UPDATE') THEN {count("new", "+")} END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER run_is_counted AFTER INSERT OR DELETE ON run FOR EACH ROW EXECUTE FUNCTION count_run();
    CREATE TRIGGER run_is_counted_anew AFTER UPDATE ON run FOR EACH ROW
        WHEN ({" OR ".join(f"old.{one} IS DISTINCT FROM new.{one}" for one in TALLIED)}) EXECUTE FUNCTION count_run();
    """,
)
CLUSTER_SERVICES: Final[Migration] = (
    "0019 what clusters did in services",
    f"""
    CREATE TABLE cluster_service (
        cluster_id TEXT NOT NULL, service TEXT NOT NULL, occurrences REAL NOT NULL, environments INTEGER NOT NULL,
        first_seen_ns INTEGER NOT NULL, last_seen_ns INTEGER NOT NULL, PRIMARY KEY (cluster_id, service)
    );
    CREATE INDEX cluster_service_by_service ON cluster_service (service, first_seen_ns);
    INSERT INTO cluster_service SELECT {SUMS} WHERE cluster_id IS NOT NULL GROUP BY 1, 2;
    CREATE TABLE cluster_stale (cluster_id TEXT PRIMARY KEY);
    CREATE FUNCTION make_stale_by_failure() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO cluster_stale SELECT cluster_id FROM fingerprint
            WHERE cluster_id IS NOT NULL AND namespace = new.namespace AND id = new.fingerprint ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $$;
    CREATE TRIGGER failure_makes_stale AFTER INSERT OR UPDATE ON failure
        FOR EACH ROW EXECUTE FUNCTION make_stale_by_failure();
    CREATE FUNCTION make_stale_by_member() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO cluster_stale SELECT one FROM unnest(ARRAY[old.cluster_id, new.cluster_id]) AS one
            WHERE one IS NOT NULL ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $$;
    CREATE TRIGGER member_makes_stale AFTER UPDATE OF cluster_id ON fingerprint FOR EACH ROW
        WHEN (old.cluster_id IS DISTINCT FROM new.cluster_id) EXECUTE FUNCTION make_stale_by_member();
    """,  # noqa: S608 - text of our own
)

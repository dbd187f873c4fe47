"""Clusters by the hours in which they were seen, for what is to be compared with them."""

from __future__ import annotations

from sqlite_utils import Database


def of_cluster(db: Database, cluster_id: str) -> dict[int, float]:
    """Count a cluster's occurrences by the hour (since the epoch)."""
    rows = db.execute(
        "SELECT hour, sum(weight) FROM fingerprint JOIN fingerprint_hour"
        " ON fingerprint_hour.namespace = fingerprint.namespace AND fingerprint_hour.fingerprint = fingerprint.id"
        " WHERE cluster_id = ? GROUP BY hour",
        [cluster_id],
    )
    return dict(rows.fetchall())


def of_service(db: Database, namespace: str, service: str, most: int) -> list[str]:
    """List the clusters of a service that were seen last."""
    rows = db.execute(
        "SELECT cluster_id FROM fingerprint JOIN failure ON failure.namespace = fingerprint.namespace"
        " AND failure.fingerprint = fingerprint.id AND failure.weight > 0"
        " JOIN environment ON environment.id = failure.environment_id WHERE fingerprint.namespace = ? AND service = ?"
        " AND cluster_id IS NOT NULL GROUP BY cluster_id ORDER BY max(failure.last_seen_ns) DESC, cluster_id LIMIT ?",
        [namespace, service, most],
    )
    return [row[0] for row in rows]


def by_service(db: Database, cluster_id: str) -> dict[str, float]:
    """Count a cluster's occurrences by the service that they were raised in."""
    rows = db.execute(
        "SELECT service, sum(weight) FROM fingerprint JOIN failure ON failure.namespace = fingerprint.namespace"
        " AND failure.fingerprint = fingerprint.id AND failure.weight > 0"
        " JOIN environment ON environment.id = environment_id WHERE cluster_id = ? GROUP BY service",
        [cluster_id],
    )
    return dict(rows.fetchall())

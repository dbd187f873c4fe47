"""Clusters by the hours in which they were seen, for what is to be compared with them."""

from __future__ import annotations

from otel_insights.store.engine import Database


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
        "SELECT cluster_id FROM cluster_service JOIN cluster ON cluster.id = cluster_id"
        " WHERE namespace = ? AND service = ? ORDER BY last_seen_ns DESC, cluster_id LIMIT ?",
        [namespace, service, most],
    )
    return [row[0] for row in rows]


def by_service(db: Database, cluster_id: str) -> dict[str, float]:
    """Count a cluster's occurrences by the service that they were raised in."""
    rows = db.execute(
        "SELECT service, occurrences FROM cluster_service WHERE cluster_id = ? ORDER BY service", [cluster_id]
    )
    return dict(rows.fetchall())

"""A cap on how many fingerprints are clustered and kept in memory: the least recently seen are folded away."""

from __future__ import annotations

from otel_insights.store.engine import Database


def fold(db: Database, namespace: str, most: int) -> list[str]:
    """Fold away what a namespace has beyond `most` fingerprints, and return their ids.

    They stay in their clusters with all their counts, and are found again when they are seen again; their examples go.
    """
    counted = "SELECT count(*) FROM fingerprint WHERE namespace = ? AND folded = 0 AND cluster_id IS NOT NULL"
    beyond = db.execute(counted, [namespace]).fetchone()[0] - most
    if beyond <= 0:
        return []
    oldest = db.execute(
        "SELECT id FROM fingerprint WHERE namespace = ? AND folded = 0 AND cluster_id IS NOT NULL"
        " ORDER BY heard_ns, last_seen_ns, id LIMIT ?",
        [namespace, beyond],
    )
    ids = [row[0] for row in oldest.fetchall()]
    keys = [(namespace, id_) for id_ in ids]
    db.conn.executemany("UPDATE fingerprint SET folded = 1 WHERE namespace = ? AND id = ?", keys)
    db.conn.executemany("UPDATE example SET stacktrace = '' WHERE namespace = ? AND fingerprint = ?", keys)
    for table in ("fingerprint_hour", "exemplar"):
        sql = {
            "fingerprint_hour": "DELETE FROM fingerprint_hour WHERE namespace = ? AND fingerprint = ?",
            "exemplar": "DELETE FROM exemplar WHERE namespace = ? AND fingerprint = ?",
        }[table]
        db.conn.executemany(sql, keys)
    return ids

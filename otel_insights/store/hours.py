"""Counts by the hour, examples from new environments, and what was heard of since clusters were last looked at."""

from __future__ import annotations

from otel_insights.analysis.spikes import HOUR_NS, KEPT_HOURS
from otel_insights.store import counts, occurrences
from otel_insights.store.engine import Database

MOST_AT_ONCE = 20_000
EXEMPLARS = 8
"""Kept for each fingerprint, each of another environment."""


def tally(db: Database, now_ns: int, most: int = MOST_AT_ONCE) -> int:
    """Count occurrences that came since the last call, at most so many; returns how many.

    In hours, an occurrence that later moves to the fingerprint of a fuller record stays where it was counted.
    """
    after = counts.tallied(db)
    upto, found = db.execute(
        "SELECT max(id), count(*) FROM (SELECT id FROM occurrence WHERE id > ? ORDER BY id LIMIT ?) AS next",
        [after, most],
    ).fetchone()
    if not found:
        return 0
    counts.sum_up(db, after, upto)
    counts.add_news(db)
    db.execute(
        "INSERT INTO fingerprint_hour SELECT namespace, fingerprint, hour, sum(weight) FROM news WHERE hour >= ?"
        " GROUP BY 1, 2, 3 ON CONFLICT (namespace, fingerprint, hour)"
        " DO UPDATE SET weight = fingerprint_hour.weight + excluded.weight",
        [now_ns // HOUR_NS - KEPT_HOURS],
    )
    db.execute("INSERT INTO touched SELECT DISTINCT namespace, fingerprint FROM news WHERE true ON CONFLICT DO NOTHING")
    _sample(db)
    counts.mark(db, upto)
    return int(found)


def _sample(db: Database) -> None:
    """Keep the latest occurrence of each environment, and of these the environments that began to fail last."""
    db.execute(
        "INSERT INTO exemplar SELECT occurrence.namespace, occurrence.fingerprint, occurrence.environment_id, trace_id,"
        " span_id, time_ns FROM (SELECT max(latest) AS id FROM news GROUP BY namespace, fingerprint, environment_id)"
        " AS newest JOIN occurrence USING (id) WHERE true"
        " ON CONFLICT (namespace, fingerprint, environment_id) DO UPDATE SET trace_id = excluded.trace_id,"
        " span_id = excluded.span_id, time_ns = excluded.time_ns WHERE excluded.time_ns >= exemplar.time_ns"
    )
    db.execute(
        "DELETE FROM exemplar WHERE (namespace, fingerprint, environment_id) IN ("
        " SELECT namespace, fingerprint, environment_id FROM (SELECT exemplar.namespace, exemplar.fingerprint,"
        "  exemplar.environment_id, row_number() OVER (PARTITION BY exemplar.namespace, exemplar.fingerprint"
        "  ORDER BY failure.first_seen_ns DESC, exemplar.environment_id DESC) AS place FROM exemplar"
        "  JOIN touched USING (namespace, fingerprint)"
        "  JOIN failure ON failure.namespace = exemplar.namespace AND failure.fingerprint = exemplar.fingerprint"
        "  AND failure.environment_id = exemplar.environment_id) AS placed WHERE place > ?)",
        [EXEMPLARS],
    )


def forget_before(db: Database, recorded_ns: int, now_ns: int) -> int:
    """Drop what is past its time: occurrences (see `occurrences.forget_before`, also for the result), old hours.

    Occurrences that have not been tallied are tallied first.
    """
    while tally(db, now_ns):
        pass
    gone = occurrences.forget_before(db, recorded_ns)
    db.execute("DELETE FROM fingerprint_hour WHERE hour < ?", [now_ns // HOUR_NS - KEPT_HOURS])
    return gone

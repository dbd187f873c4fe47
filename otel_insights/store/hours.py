"""Counts by the hour, examples from new environments, and what was heard of since clusters were last looked at."""

from __future__ import annotations

from sqlite_utils import Database

from otel_insights.analysis.spikes import HOUR_NS, KEPT_HOURS
from otel_insights.store import occurrences

MOST_AT_ONCE = 20_000
EXEMPLARS = 8
"""Kept for each fingerprint, each of another environment."""
_TALLIED = "tallied"


def tally(db: Database, now_ns: int, most: int = MOST_AT_ONCE) -> int:
    """Count occurrences that came since the last call, at most so many; returns how many.

    By the event's time, but never later than its arrival: a sender's clock may be wrong. An occurrence that later moves
    to the fingerprint of a fuller record stays where it was counted.
    """
    after = _tallied(db)
    upto, found = db.execute(
        "SELECT max(id), count(*) FROM (SELECT id FROM occurrence WHERE id > ? ORDER BY id LIMIT ?)", [after, most]
    ).fetchone()
    if not found:
        return 0
    between = [after, upto]
    db.execute(
        "INSERT INTO fingerprint_hour SELECT namespace, fingerprint, min(time_ns, recorded_ns) / ? AS hour, sum(weight)"
        " FROM occurrence WHERE id > ? AND id <= ? AND min(time_ns, recorded_ns) >= ? GROUP BY namespace, fingerprint,"
        " hour ON CONFLICT DO UPDATE SET weight = weight + excluded.weight",
        [HOUR_NS, *between, now_ns - KEPT_HOURS * HOUR_NS],
    )
    db.execute(
        "UPDATE fingerprint SET heard_ns = max(heard_ns, news.heard), folded = 0 FROM (SELECT namespace, fingerprint,"
        " max(recorded_ns) AS heard FROM occurrence WHERE id > ? AND id <= ? GROUP BY namespace, fingerprint) AS news"
        " WHERE fingerprint.namespace = news.namespace AND fingerprint.id = news.fingerprint",
        between,
    )
    db.execute(
        "INSERT OR IGNORE INTO touched SELECT DISTINCT namespace, fingerprint FROM occurrence WHERE id > ? AND id <= ?",
        between,
    )
    _sample(db, between)
    db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", [_TALLIED, str(upto)])
    return int(found)


def _tallied(db: Database) -> int:
    row = db.execute("SELECT value FROM setting WHERE name = ?", [_TALLIED]).fetchone()
    return int(row[0]) if row else 0


def _sample(db: Database, between: list[int]) -> None:
    """Keep the latest occurrence of each environment, and of these the environments that began to fail last."""
    db.execute(
        # SQLite takes bare columns from the row with the maximum
        "INSERT INTO exemplar SELECT namespace, fingerprint, environment_id, trace_id, span_id, max(time_ns)"
        " FROM occurrence WHERE id > ? AND id <= ? GROUP BY namespace, fingerprint, environment_id"
        " ON CONFLICT DO UPDATE SET trace_id = excluded.trace_id, span_id = excluded.span_id,"
        " time_ns = excluded.time_ns WHERE excluded.time_ns >= exemplar.time_ns",
        between,
    )
    db.execute(
        "DELETE FROM exemplar WHERE (namespace, fingerprint, environment_id) IN ("
        " SELECT namespace, fingerprint, environment_id FROM (SELECT exemplar.namespace, exemplar.fingerprint,"
        "  exemplar.environment_id, row_number() OVER (PARTITION BY exemplar.namespace, exemplar.fingerprint"
        "  ORDER BY failure.first_seen_ns DESC, exemplar.environment_id DESC) AS place FROM exemplar"
        "  JOIN touched USING (namespace, fingerprint)"
        "  JOIN failure ON failure.namespace = exemplar.namespace AND failure.fingerprint = exemplar.fingerprint"
        "  AND failure.environment_id = exemplar.environment_id) WHERE place > ?)",
        [EXEMPLARS],
    )


def forget_before(db: Database, recorded_ns: int, now_ns: int) -> int:
    """Drop what is past its time: occurrences (see `occurrences.forget_before`, also for the result), old hours.

    Occurrences that have not been tallied are tallied first.
    """
    while tally(db, now_ns):
        pass
    gone = occurrences.forget_before(db, recorded_ns)
    if gone:  # numbers are given anew once all are gone
        last = db.execute("SELECT coalesce(max(id), 0) FROM occurrence").fetchone()[0]
        db.execute("UPDATE setting SET value = min(CAST(value AS INTEGER), ?) WHERE name = ?", [last, _TALLIED])
    db.execute("DELETE FROM fingerprint_hour WHERE hour < ?", [now_ns // HOUR_NS - KEPT_HOURS])
    return gone

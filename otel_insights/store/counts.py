"""Counts: how often each fingerprint came, and where, first and last; taken from the occurrences, many at once.

An occurrence is counted when it is tallied (`hours.tally`), in one transaction with the mark up to which that was done.
So whoever records occurrences writes nothing else, and whoever reads counts tallies first, or is content with those of
the last analysis.
"""

from __future__ import annotations

from sqlite_utils import Database

from otel_insights.analysis.spikes import HOUR_NS

_TALLIED = "tallied"


def tallied(db: Database) -> int:
    """Tell the number of the last occurrence that is counted."""
    row = db.conn.execute("SELECT value FROM setting WHERE name = ?", [_TALLIED]).fetchone()
    return int(row[0]) if row else 0


def mark(db: Database, upto: int) -> None:
    """Note that all occurrences are counted whose numbers are not higher."""
    db.conn.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", [_TALLIED, str(upto)])


def sum_up(db: Database, after: int, upto: int) -> None:
    """Sum up the occurrences with these numbers into the temporary table `news`, in place of what it held.

    `hour` is of the event's time, but never later than its arrival: a sender's clock may be wrong.
    """
    db.conn.execute(
        "CREATE TEMP TABLE IF NOT EXISTS news (namespace TEXT, fingerprint TEXT, environment_id INTEGER, hour INTEGER,"
        " weight REAL, first_ns INTEGER, last_ns INTEGER, heard_ns INTEGER, latest INTEGER)"
    )
    db.conn.execute("DELETE FROM news")
    db.conn.execute(
        "INSERT INTO news SELECT namespace, fingerprint, environment_id, min(time_ns, recorded_ns) / ?, sum(weight),"
        " min(time_ns), max(time_ns), max(recorded_ns), max(id) FROM occurrence WHERE id > ? AND id <= ?"
        " GROUP BY environment_id, 4, fingerprint",  # an environment has one namespace, and numbers sort quickly
        [HOUR_NS, after, upto],
    )


def add_news(db: Database) -> None:
    """Add what `sum_up` has found to the counts of fingerprints, for each environment and in all."""
    db.conn.execute(
        "INSERT INTO failure SELECT namespace, fingerprint, environment_id, sum(weight), min(first_ns), max(last_ns)"
        " FROM news WHERE true GROUP BY 1, 2, 3 ON CONFLICT DO UPDATE SET weight = weight + excluded.weight,"
        " first_seen_ns = min(first_seen_ns, excluded.first_seen_ns),"
        " last_seen_ns = max(last_seen_ns, excluded.last_seen_ns)"
    )
    db.conn.execute(
        "UPDATE fingerprint SET occurrences = occurrences + added, first_seen_ns = min(first_seen_ns, first),"
        " last_seen_ns = max(last_seen_ns, last), heard_ns = max(heard_ns, heard), folded = 0"
        " FROM (SELECT namespace, fingerprint, sum(weight) AS added, min(first_ns) AS first, max(last_ns) AS last,"
        " max(heard_ns) AS heard FROM news GROUP BY 1, 2) AS sums"
        " WHERE fingerprint.namespace = sums.namespace AND fingerprint.id = sums.fingerprint"
    )


def move(db: Database, occurrence: int, fingerprint: str) -> None:
    """Count an occurrence for another fingerprint than before; one that is not tallied will be, as what it is then."""
    if occurrence > tallied(db):
        return
    namespace, old, environment_id, weight, time_ns = db.conn.execute(
        "SELECT namespace, fingerprint, environment_id, weight, time_ns FROM occurrence WHERE id = ?", [occurrence]
    ).fetchone()
    for id_, change in ((old, -weight), (fingerprint, weight)):
        db.conn.execute(
            "INSERT INTO failure VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET weight = weight + excluded.weight,"
            " first_seen_ns = min(first_seen_ns, excluded.first_seen_ns),"
            " last_seen_ns = max(last_seen_ns, excluded.last_seen_ns)",
            [namespace, id_, environment_id, change, time_ns, time_ns],
        )
        db.conn.execute(
            "UPDATE fingerprint SET occurrences = occurrences + ?, first_seen_ns = min(first_seen_ns, ?),"
            " last_seen_ns = max(last_seen_ns, ?) WHERE namespace = ? AND id = ?",
            [change, time_ns, time_ns, namespace, id_],
        )

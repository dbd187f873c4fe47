"""Counts: how often each fingerprint came, and where, first and last; taken from the occurrences, many at once.

An occurrence is counted when it is tallied (`hours.tally`), in one transaction with the mark up to which that was done.
So whoever records occurrences writes nothing else, and whoever reads counts tallies first, or is content with those of
the last analysis.
"""

from __future__ import annotations

from typing import Final

from otel_insights.analysis.spikes import HOUR_NS
from otel_insights.store import settings
from otel_insights.store.engine import Database

_TALLIED = "tallied"


def tallied(db: Database) -> int:
    """Tell the number of the last occurrence that is counted."""
    return int(settings.get(db, _TALLIED) or 0)


def mark(db: Database, upto: int) -> None:
    """Note that all occurrences are counted whose numbers are not higher."""
    settings.put(db, _TALLIED, str(upto))


def sum_up(db: Database, after: int, upto: int) -> None:
    """Sum up the occurrences with these numbers into the temporary table `news`, in place of what it held.

    `hour` is of the event's time, but never later than its arrival: a sender's clock may be wrong.
    """
    db.conn.execute(
        "CREATE TEMP TABLE IF NOT EXISTS news (namespace TEXT, fingerprint TEXT, environment_id BIGINT, hour BIGINT,"
        " weight DOUBLE PRECISION, first_ns BIGINT, last_ns BIGINT, heard_ns BIGINT, latest BIGINT)"
    )
    db.conn.execute("DELETE FROM news")
    db.conn.execute(
        "INSERT INTO news SELECT min(namespace), fingerprint, environment_id, min(time_ns, recorded_ns) / ?,"
        " sum(weight), min(time_ns), max(time_ns), max(recorded_ns), max(id) FROM occurrence WHERE id > ? AND id <= ?"
        " GROUP BY environment_id, 4, fingerprint",  # an environment has one namespace, and numbers sort quickly
        [HOUR_NS, after, upto],
    )


_ADD_UP: Final = (
    "ON CONFLICT (namespace, fingerprint, environment_id) DO UPDATE SET weight = failure.weight + excluded.weight,"
    " first_seen_ns = min(failure.first_seen_ns, excluded.first_seen_ns),"
    " last_seen_ns = max(failure.last_seen_ns, excluded.last_seen_ns)"
)


def add_news(db: Database) -> None:
    """Add what `sum_up` has found to the counts of fingerprints, for each environment and in all."""
    db.conn.execute(
        "INSERT INTO failure SELECT namespace, fingerprint, environment_id, sum(weight), min(first_ns), max(last_ns)"  # noqa: S608
        f" FROM news WHERE true GROUP BY 1, 2, 3 {_ADD_UP}"
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
            f"INSERT INTO failure VALUES (?, ?, ?, ?, ?, ?) {_ADD_UP}",  # noqa: S608 - text of ours
            [namespace, id_, environment_id, change, time_ns, time_ns],
        )
        db.conn.execute(
            "UPDATE fingerprint SET occurrences = occurrences + ?, first_seen_ns = min(first_seen_ns, ?),"
            " last_seen_ns = max(last_seen_ns, ?) WHERE namespace = ? AND id = ?",
            [change, time_ns, time_ns, namespace, id_],
        )

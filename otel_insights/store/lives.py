"""Lives of clusters: their states, which of them have to be looked at, and a record of what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from otel_insights.analysis.lifecycle import RECENT_NS, Life, Seen
from otel_insights.store.clusters import Exemplar
from otel_insights.store.engine import Database


@dataclass(frozen=True, slots=True)
class Subject:
    """A cluster to look at."""

    id: str
    namespace: str
    title: str
    exception_type: str
    life: Life
    seen: Seen


def get(db: Database, cluster_id: str) -> Life | None:
    """Read a cluster's life; None before its first analysis."""
    row = db.execute(
        "SELECT state, since_ns, until_ns, resolved_by FROM cluster_life WHERE cluster_id = ?", [cluster_id]
    ).fetchone()
    return Life(*row) if row else None


def put(db: Database, cluster_id: str, life: Life) -> None:
    """Write a cluster's life."""
    db.execute(
        "INSERT INTO cluster_life VALUES (?, ?, ?, ?, ?) ON CONFLICT (cluster_id) DO UPDATE SET state = excluded.state,"
        " since_ns = excluded.since_ns, until_ns = excluded.until_ns, resolved_by = excluded.resolved_by",
        [cluster_id, life.state, life.since_ns, life.until_ns, life.resolved_by],
    )


MOST_AT_ONCE = 500


def subjects(db: Database, now_ns: int, quiet_ns: int, after: str = "") -> list[Subject]:
    """Find the clusters whose life may have changed: seen since the last look, silent for long, or due.

    In order of their ids behind `after`, `MOST_AT_ONCE` of them.
    """
    asked = {"now": now_ns, "quiet": quiet_ns, "recent": RECENT_NS, "after": after, "most": MOST_AT_ONCE}
    return [_subject(db, row) for row in db.execute(_DUE, asked).fetchall()]


_DUE = """
    WITH due (id) AS (
        SELECT cluster_id FROM touched JOIN fingerprint
            ON fingerprint.namespace = touched.namespace AND fingerprint.id = touched.fingerprint
        UNION SELECT cluster_id FROM cluster_life WHERE state = 'escalating'
        UNION SELECT cluster_id FROM cluster_life WHERE state = 'archived' AND until_ns <= :now
        UNION SELECT cluster_id FROM cluster_life WHERE state IN ('new', 'regressed') AND since_ns < :now - :recent
        UNION SELECT cluster_id FROM cluster_life WHERE :quiet > 0 AND state NOT IN ('resolved', 'archived')
            AND (SELECT max(heard_ns) FROM fingerprint WHERE fingerprint.cluster_id = cluster_life.cluster_id)
            < :now - :quiet
    )
    SELECT cluster.id, cluster.namespace, cluster.title, cluster.exception_type, created_ns, state, since_ns, until_ns,
           resolved_by, min(first_seen_ns), min(max(last_seen_ns), max(heard_ns)), max(heard_ns)
    FROM due JOIN cluster ON cluster.id = due.id JOIN fingerprint ON fingerprint.cluster_id = cluster.id
    LEFT JOIN cluster_life ON cluster_life.cluster_id = cluster.id
    WHERE occurrences > 0 AND due.id > :after GROUP BY cluster.id, cluster_life.cluster_id
    ORDER BY cluster.id LIMIT :most
"""


def _subject(db: Database, row: Sequence[object]) -> Subject:
    id_, namespace, title, exception_type, created_ns, state, *rest = row
    hours = db.execute(
        "SELECT hour, sum(weight) FROM fingerprint JOIN fingerprint_hour"
        " ON fingerprint_hour.namespace = fingerprint.namespace AND fingerprint_hour.fingerprint = fingerprint.id"
        " WHERE cluster_id = ? GROUP BY hour",
        [id_],
    )
    life = Life(state, *rest[:3]) if state else Life("new", created_ns)  # type: ignore[arg-type]
    seen = Seen(*rest[3:], dict(hours.fetchall()))  # type: ignore[arg-type, call-arg]
    return Subject(str(id_), str(namespace), str(title), str(exception_type), life, seen)


def looked(db: Database) -> None:
    """Note that all clusters that had to be looked at have been; what has no cluster yet is to come again."""
    db.execute(
        "DELETE FROM touched WHERE EXISTS (SELECT 1 FROM fingerprint WHERE fingerprint.namespace = touched.namespace"
        " AND fingerprint.id = touched.fingerprint AND cluster_id IS NOT NULL)"
    )


def join(db: Database, old: str, surviving: str, now_ns: int) -> None:
    """Let one life go on for two: what is not settled for both of them is not settled."""
    ended, goes_on = get(db, old), get(db, surviving)
    settled = ("resolved", "archived")
    if ended and goes_on and goes_on.state in settled and ended.state not in settled:
        put(db, surviving, Life("ongoing", now_ns))
    db.execute("DELETE FROM cluster_life WHERE cluster_id = ?", [old])


def example(db: Database, cluster_id: str) -> Exemplar:
    """Give a cluster's latest exemplar; an empty one where none is known."""
    row = db.execute(
        "SELECT service, trace_id, span_id, time_ns FROM fingerprint JOIN exemplar"
        " ON exemplar.namespace = fingerprint.namespace AND exemplar.fingerprint = fingerprint.id"
        " JOIN environment ON environment.id = environment_id WHERE cluster_id = ? ORDER BY time_ns DESC LIMIT 1",
        [cluster_id],
    ).fetchone()
    return Exemplar(*row) if row else Exemplar("", b"", b"", 0)


@dataclass(frozen=True, slots=True)
class Witness:
    """An occurrence to look at, and whose it was."""

    trace_id: str
    span_id: str
    time_ns: int
    service: str
    instance: str


def witnesses(db: Database, cluster_id: str, limit: int = 10) -> list[Witness]:
    """Show occurrences of a cluster, one for each environment, those that began to fail last first."""
    rows = db.execute(
        "SELECT hex(trace_id), hex(span_id), time_ns, service, instance FROM (SELECT exemplar.*,"
        " row_number() OVER (PARTITION BY exemplar.environment_id ORDER BY time_ns DESC) AS place,"
        " min(failure.first_seen_ns) OVER (PARTITION BY exemplar.environment_id) AS began FROM fingerprint"
        " JOIN exemplar ON exemplar.namespace = fingerprint.namespace AND exemplar.fingerprint = fingerprint.id"
        " JOIN failure ON failure.namespace = exemplar.namespace AND failure.fingerprint = exemplar.fingerprint"
        " AND failure.environment_id = exemplar.environment_id WHERE cluster_id = ?) AS raised"
        " JOIN environment ON environment.id = environment_id"
        " WHERE place = 1 ORDER BY began DESC, environment_id DESC LIMIT ?",
        [cluster_id, limit],
    )
    return [Witness(row[0].lower(), row[1].lower(), *row[2:]) for row in rows]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a cluster: `kind` is merged (into `other`), split (off as `other`), resolved, regressed..."""

    time_ns: int
    cluster_id: str
    kind: str
    other: str
    decided_by: str


def note(db: Database, change: Change) -> None:
    """Add to the record of changes."""
    db.execute(
        "INSERT INTO cluster_change (time_ns, cluster_id, kind, other, decided_by) VALUES (?, ?, ?, ?, ?)",
        [change.time_ns, change.cluster_id, change.kind, change.other, change.decided_by],
    )


def changes(db: Database, cluster_id: str, limit: int = 100) -> list[Change]:
    """List what became of a cluster and of those that went into it, the latest first."""
    rows = db.execute(
        "SELECT time_ns, cluster_id, kind, other, decided_by FROM cluster_change WHERE cluster_id = ? OR other = ?"
        " ORDER BY id DESC LIMIT ?",
        [cluster_id, cluster_id, limit],
    )
    return [Change(*row) for row in rows]

"""Corrections by people: what they said of clusters governs what comes, through re-clustering and restarts.

Each takes effect at once, and adds one to the revision, by which a running service sees that it has to read anew.
Whatever names a cluster that was merged means the one that goes on for it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from otel_insights.analysis.lifecycle import Life
from otel_insights.store import cluster_services, clusters, lives, settings
from otel_insights.store.engine import Database
from otel_insights.store.lives import Change

PERSON = "person"
_REVISION = "corrections"
_LONGEST_TITLE = 300


class WrongCorrection(ValueError):  # noqa: N818 - says what it is
    """A correction that cannot be made; the text tells a person why. Nothing has been changed."""


def revision(db: Database) -> int:
    """Tell how many corrections there have been."""
    return int(settings.get(db, _REVISION) or 0)


def revise(db: Database) -> None:
    """Count one correction more, and add up what it has changed."""
    cluster_services.add_up_all(db)
    settings.put(db, _REVISION, str(revision(db) + 1))


def cluster_of(db: Database, cluster_id: str) -> str:
    """Find the cluster that an id, old or new, stands for. Raises WrongCorrection for an unknown one."""
    found = clusters.surviving(db, cluster_id)
    if found is None:
        raise WrongCorrection(f"there is no cluster {cluster_id!r}")
    return found


def namespace_of(db: Database, cluster_id: str) -> str:
    """Tell the namespace of a cluster that exists."""
    return str(db.execute("SELECT namespace FROM cluster WHERE id = ?", [cluster_id]).fetchone()[0])


def merge(db: Database, into: str, other: str, now_ns: int) -> tuple[str, str]:
    """Let one cluster go into another, for good; returns the id that goes on and the one that ended."""
    into, other = cluster_of(db, into), cluster_of(db, other)
    if into == other:
        raise WrongCorrection(f"both are the cluster {into} already")
    if (namespace := namespace_of(db, into)) != namespace_of(db, other):
        raise WrongCorrection(f"{into} and {other} are of different namespaces, which share no clusters")
    pin(db, namespace, members(db, into) + members(db, other), into)
    redirect(db, other, into, now_ns, PERSON)
    _ask_again(db, [into])
    revise(db)
    return into, other


def redirect(db: Database, old: str, surviving: str, now_ns: int, decided_by: str) -> None:
    """Let an id lead to another one, with all that is kept under it."""
    db.execute("UPDATE fingerprint SET cluster_id = ? WHERE cluster_id = ?", [surviving, old])
    db.execute("UPDATE pin SET cluster_id = ? WHERE cluster_id = ?", [surviving, old])
    db.execute("UPDATE rule SET cluster_id = ? WHERE cluster_id = ?", [surviving, old])
    db.execute("UPDATE cluster SET merged_into = ? WHERE id = ? OR merged_into = ?", [surviving, old, old])
    lives.join(db, old, surviving, now_ns)
    lives.note(db, Change(now_ns, old, "merged", surviving, decided_by))


def split(db: Database, cluster_id: str, fingerprints: Sequence[str], now_ns: int) -> str:
    """Take fingerprints out of a cluster into one of their own, for good; returns the new id."""
    cluster_id = cluster_of(db, cluster_id)
    held, moving = members(db, cluster_id), sorted(set(fingerprints))
    if strangers := set(moving) - set(held):
        raise WrongCorrection(f"not in the cluster {cluster_id}: {', '.join(sorted(strangers))}")
    if not moving or len(moving) == len(held):
        raise WrongCorrection(f"expected some of the {len(held)} fingerprints of {cluster_id}, but not all of them")
    namespace = namespace_of(db, cluster_id)
    new = _new_id(db, namespace, moving[0])
    db.execute(
        "INSERT INTO cluster (id, namespace, title, exception_type, created_ns) SELECT ?, namespace, title,"
        " exception_type, ? FROM fingerprint WHERE namespace = ? AND id IN (SELECT value FROM json_each(?))"
        " ORDER BY occurrences DESC, id LIMIT 1",
        [new, now_ns, namespace, json.dumps(moving)],
    )
    pin(db, namespace, [one for one in held if one not in moving], cluster_id)
    pin(db, namespace, moving, new)
    db.execute(
        "UPDATE fingerprint SET cluster_id = ?, probability = 1 WHERE namespace = ?"
        " AND id IN (SELECT value FROM json_each(?))",
        [new, namespace, json.dumps(moving)],
    )
    lives.put(db, new, Life("new", now_ns))
    lives.note(db, Change(now_ns, cluster_id, "split", new, PERSON))
    _ask_again(db, [cluster_id, new])
    revise(db)
    return new


def rename(db: Database, cluster_id: str, title: str, now_ns: int) -> str:
    """Give a cluster a title."""
    cluster_id, title = cluster_of(db, cluster_id), " ".join(title.split())
    if not title or len(title) > _LONGEST_TITLE:
        raise WrongCorrection(f"expected a title of 1 to {_LONGEST_TITLE} characters, got {len(title)}")
    db.execute("UPDATE cluster SET title = ? WHERE id = ?", [title, cluster_id])
    lives.note(db, Change(now_ns, cluster_id, "renamed", "", PERSON))
    revise(db)
    return cluster_id


def resolve(db: Database, cluster_id: str, now_ns: int) -> str:
    """Call a cluster's cause mended: what is seen of it from now on makes it regressed."""
    return _live(db, cluster_id, Life("resolved", now_ns, resolved_by=PERSON), now_ns)


def archive(db: Database, cluster_id: str, until_ns: int, now_ns: int) -> str:
    """Let a cluster rest until a time: it is counted, but neither spikes nor regresses."""
    if until_ns <= now_ns:
        raise WrongCorrection("expected a time to come")
    return _live(db, cluster_id, Life("archived", now_ns, until_ns=until_ns), now_ns)


def _live(db: Database, cluster_id: str, life: Life, now_ns: int) -> str:
    cluster_id = cluster_of(db, cluster_id)
    lives.put(db, cluster_id, life)
    lives.note(db, Change(now_ns, cluster_id, life.state, "", PERSON))
    revise(db)
    return cluster_id


def members(db: Database, cluster_id: str) -> list[str]:
    """List a cluster's fingerprints."""
    return [row[0] for row in db.execute("SELECT id FROM fingerprint WHERE cluster_id = ? ORDER BY id", [cluster_id])]


def pin(db: Database, namespace: str, fingerprints: Iterable[str], cluster_id: str) -> None:
    """Say where fingerprints belong; what a person says of one counts more than a rule."""
    db.conn.executemany(
        "INSERT INTO pin (namespace, fingerprint, cluster_id) VALUES (?, ?, ?) ON CONFLICT (namespace, fingerprint)"
        " DO UPDATE SET cluster_id = excluded.cluster_id, rule_id = 0",
        [(namespace, one, cluster_id) for one in fingerprints],
    )


def _ask_again(db: Database, cluster_ids: Iterable[str]) -> None:
    """Have clusters explained anew: what failed there is another set of environments."""
    db.conn.executemany("UPDATE cluster SET evidence = '' WHERE id = ?", [(id_,) for id_ in cluster_ids])


def _new_id(db: Database, namespace: str, founder: str) -> str:
    attempt = 0
    while True:
        id_ = hashlib.blake2b(f"{namespace}\0{founder}\0{attempt}".encode(), digest_size=6).hexdigest()
        if not db.execute("SELECT 1 FROM cluster WHERE id = ?", [id_]).fetchone():
            return id_
        attempt += 1

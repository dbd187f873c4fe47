"""Newcomers: fingerprints that no clustering has seen, and the clusters where they can be put at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from otel_insights.analysis.nearness import nearest
from otel_insights.store import rules
from otel_insights.store.clusters import Membership
from otel_insights.store.engine import Database

_MOST_COMPARED = 32
_FREQUENT = 3
"""Occurrences from which on clustering lets a signature take in what is near it (`analysis.clustering.FREQUENT`)."""


def place(db: Database, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Membership | None]:
    """Find a cluster for each (namespace, fingerprint); None where that is for the next analysis to say.

    What was known before has its cluster; then a person's word counts, then a rule, then a text in the same block that
    is as near as what clustering takes for the same. The next analysis may confirm or correct it.
    """
    return {one: _place(db, *one) for one in wanted}


def _place(db: Database, namespace: str, fingerprint: str) -> Membership | None:
    row = db.execute(
        "SELECT coalesce(pin.cluster_id, fingerprint.cluster_id), signature, block, complete FROM fingerprint"
        " LEFT JOIN pin ON pin.namespace = fingerprint.namespace AND pin.fingerprint = fingerprint.id"
        " WHERE fingerprint.namespace = ? AND fingerprint.id = ?",
        [namespace, fingerprint],
    ).fetchone()
    if row is None:
        return None
    cluster_id, text, block, complete = row
    if cluster_id is None:
        cluster_id = _ruled(db, namespace, fingerprint)
    if cluster_id is not None:
        return Membership(cluster_id, 1.0)
    found = nearest(text, _neighbours(db, namespace, block)) if complete else None
    return Membership(found[0], round(found[1], 4)) if found else None


def _ruled(db: Database, namespace: str, fingerprint: str) -> str | None:
    in_force = rules.in_force(db, namespace)
    if not in_force:
        return None
    row = db.execute(
        "SELECT exception_type, message, stacktrace FROM fingerprint JOIN example"
        " ON example.namespace = fingerprint.namespace AND example.fingerprint = fingerprint.id"
        " WHERE fingerprint.namespace = ? AND id = ?",
        [namespace, fingerprint],
    ).fetchone()
    one = rules.first_match(in_force, *row) if row else None
    return one.cluster_id if one else None


def _neighbours(db: Database, namespace: str, block: str) -> Sequence[tuple[str, str]]:
    return db.execute(
        "SELECT signature, cluster_id FROM fingerprint WHERE namespace = ? AND block = ? AND cluster_id IS NOT NULL"
        " AND occurrences >= ? AND complete = 1 ORDER BY occurrences DESC, id LIMIT ?",
        [namespace, block, _FREQUENT, _MOST_COMPARED],
    ).fetchall()

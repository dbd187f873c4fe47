"""Which clusters an error belongs to of which only the text is known, or the fingerprint."""

from __future__ import annotations

from otel_insights.analysis.fingerprint import Fingerprint
from otel_insights.analysis.nearness import dot, frequencies
from otel_insights.store.engine import Database

_MOST_COMPARED = 500
_LEAST_SIMILAR = 0.8
"""Of two titles; they are short, and differ by a word at most from there on."""


def clusters_like(db: Database, print_: Fingerprint, namespace: str | None = None) -> list[str]:
    """List clusters that an error may belong to, best first: of the same fingerprint, else of like texts."""
    rows = db.execute(
        "SELECT cluster_id FROM fingerprint WHERE id = ? AND cluster_id IS NOT NULL"
        " AND namespace = coalesce(?, namespace) ORDER BY occurrences DESC",
        [print_.id, namespace],
    ).fetchall()
    return list(dict.fromkeys(row[0] for row in rows)) or _like(db, print_, namespace)


def _like(db: Database, print_: Fingerprint, namespace: str | None) -> list[str]:
    short = print_.exception_type.rpartition(".")[2]
    rows = db.execute(
        "SELECT cluster_id, title FROM fingerprint WHERE (exception_type = ? OR exception_type = ?"
        " OR substr(exception_type, length(exception_type) - length(?)) = '.' || ?) AND cluster_id IS NOT NULL"
        " AND occurrences > 0 AND namespace = coalesce(?, namespace) ORDER BY occurrences DESC LIMIT ?",
        [print_.exception_type, short, short, short, namespace, _MOST_COMPARED],
    ).fetchall()
    wanted = frequencies(print_.title)
    found: dict[str, float] = {}
    for cluster_id, title in rows:
        similarity = 1.0 if title == print_.title else dot(wanted, frequencies(title))
        if similarity >= _LEAST_SIMILAR:
            found[cluster_id] = max(similarity, found.get(cluster_id, 0.0))
    return sorted(found, key=lambda one: -found[one])

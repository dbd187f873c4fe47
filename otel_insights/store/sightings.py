"""Sightings: in which versions of which services a failure was met, first and last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from otel_insights.store.engine import Database

_MINUTE_NS: Final = 60 * 10**9
_MOST_KEPT = 50_000
_MOST_VERSIONS = 50
"""Kept for each fingerprint: a service that is deployed daily fills them in weeks."""


class Sighting(NamedTuple):
    """A failure met in a version (`service.version`) of a service, at a time."""

    namespace: str
    fingerprint: str
    service: str
    version: str
    time_ns: int


@dataclass(slots=True)
class News:
    """Tells which sightings are worth writing: those outside of the minutes, first to last, that are written."""

    _written: dict[tuple[str, str, str, str], tuple[int, int]] = field(default_factory=dict)

    def is_old(self, namespace: str, fingerprint: str, service: str, version: str, time_ns: int) -> bool:
        """Tell whether a sighting would change nothing."""
        first, last = self._written.get((namespace, fingerprint, service, version), (1, 0))
        return first <= time_ns // _MINUTE_NS <= last

    def written(self, sightings: Sequence[Sighting]) -> None:
        """Note that sightings have been committed."""
        if len(self._written) > _MOST_KEPT:
            self._written.clear()
        for one in sightings:
            minute = one.time_ns // _MINUTE_NS
            first, last = self._written.get(one[:4], (minute, minute))
            self._written[one[:4]] = min(first, minute), max(last, minute)


def remember(db: Database, sightings: Sequence[Sighting]) -> None:
    """Write sightings; the same again changes nothing."""
    db.conn.executemany(
        "INSERT INTO sighting VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (namespace, fingerprint, service, version)"
        " DO UPDATE SET first_seen_ns = min(sighting.first_seen_ns, excluded.first_seen_ns),"
        " last_seen_ns = max(sighting.last_seen_ns, excluded.last_seen_ns)",
        [(*one, one.time_ns) for one in sightings],
    )


def forget_oldest(db: Database) -> None:
    """Drop the versions between the first and the latest ones where there are very many."""
    db.execute(
        "DELETE FROM sighting WHERE (namespace, fingerprint, service, version) IN (SELECT namespace, fingerprint,"
        " service, version FROM (SELECT *, row_number() OVER (PARTITION BY namespace, fingerprint"
        " ORDER BY last_seen_ns DESC) AS late, row_number() OVER (PARTITION BY namespace, fingerprint"
        " ORDER BY first_seen_ns) AS early FROM sighting WHERE (namespace, fingerprint) IN"
        " (SELECT namespace, fingerprint FROM touched)) AS ranked WHERE late > ? AND early > 1)",
        [_MOST_VERSIONS],
    )


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a service in which a cluster was seen; times are nanoseconds since the epoch."""

    service: str
    version: str
    first_seen_ns: int
    last_seen_ns: int


def versions(db: Database, cluster_id: str) -> list[Version]:
    """List the versions in which a cluster was seen, the first one first."""
    rows = db.execute(
        "SELECT service, version, min(sighting.first_seen_ns), max(sighting.last_seen_ns) FROM fingerprint"
        " JOIN sighting ON sighting.namespace = fingerprint.namespace AND sighting.fingerprint = fingerprint.id"
        " WHERE cluster_id = ? GROUP BY service, version ORDER BY 3, service, version",
        [cluster_id],
    )
    return [Version(*row) for row in rows]

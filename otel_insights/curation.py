"""Corrections by people, each committed with the finding that reports it: for the command line, and whoever comes next.

See `store.corrections` for what each does, and for the WrongCorrection that all of them raise. What came since the last
analysis is counted first: a finding tells how it stands now.
"""

from __future__ import annotations

from otel_insights import lives
from otel_insights.store import corrections, hours, outbox
from otel_insights.store import lives as memory
from otel_insights.store.engine import Database


def merge(db: Database, into: str, other: str, now_ns: int) -> str:
    """Let one cluster go into another; returns the id that goes on."""
    _count(db, now_ns)
    surviving, old = corrections.merge(db, into, other, now_ns)
    outbox.put(db, [lives.merged(old, surviving, corrections.PERSON, now_ns)])
    return surviving


def split(db: Database, cluster_id: str, fingerprints: list[str], now_ns: int) -> str:
    """Take fingerprints out of a cluster; returns the id of their new one."""
    _count(db, now_ns)
    new = corrections.split(db, cluster_id, fingerprints, now_ns)
    outbox.put(db, [lives.created(db, new, corrections.members(db, new)[0], corrections.cluster_of(db, cluster_id))])
    return new


def resolve(db: Database, cluster_id: str, now_ns: int) -> str:
    """Call a cluster's cause mended; returns its id."""
    _count(db, now_ns)
    id_ = corrections.resolve(db, cluster_id, now_ns)
    if life := memory.get(db, id_):
        outbox.put(db, [lives.resolved(db, id_, life)])
    return id_


def _count(db: Database, now_ns: int) -> None:
    while hours.tally(db, now_ns):
        pass

"""What clusters did in services: added up when failures or members of a cluster have changed, for lists to read.

The store's triggers note which clusters have changed; whoever changes them adds up.
"""

from __future__ import annotations

import json
from typing import Final

from otel_insights.store.engine import Database
from otel_insights.store.schema_cluster_services import SUMS

_AT_ONCE: Final = 50
_OF_THESE: Final = "cluster_id IN (SELECT value FROM json_each(?))"
_STEPS: Final = (
    f"DELETE FROM cluster_service WHERE {_OF_THESE}",  # noqa: S608 - text of ours, here and below
    f"INSERT INTO cluster_service SELECT {SUMS} WHERE {_OF_THESE} GROUP BY 1, 2",
    f"DELETE FROM cluster_stale WHERE {_OF_THESE}",  # noqa: S608
)


def add_up(db: Database, most: int = _AT_ONCE) -> bool:
    """Add up what clusters did in services, of at most so many of those that have changed; tells whether more have."""
    changed = [row[0] for row in db.conn.execute("SELECT cluster_id FROM cluster_stale LIMIT ?", [most + 1])]
    if changed:
        for step in _STEPS:
            db.conn.execute(step, [json.dumps(changed[:most])])
    return len(changed) > most


def add_up_all(db: Database) -> None:
    """Add up until nothing is left that has changed."""
    while add_up(db):
        pass

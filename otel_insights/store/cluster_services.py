"""What clusters did in services: added up when failures or members of a cluster have changed, for lists to read.

The store's triggers note which clusters have changed; whoever changes them adds up.
"""

from __future__ import annotations

from typing import Final

from sqlite_utils import Database

from otel_insights.store.schema_cluster_services import SUMS

_AT_ONCE: Final = 50


def add_up(db: Database, most: int = _AT_ONCE) -> bool:
    """Add up what clusters did in services, of at most so many of those that have changed; tells whether more have."""
    rows = db.conn.execute("SELECT cluster_id FROM cluster_stale LIMIT ?", [most + 1]).fetchall()
    for (id_,) in rows[:most]:
        db.conn.execute("DELETE FROM cluster_service WHERE cluster_id = ?", [id_])
        db.conn.execute(f"INSERT INTO cluster_service SELECT {SUMS} WHERE cluster_id = ? GROUP BY 1, 2", [id_])
        db.conn.execute("DELETE FROM cluster_stale WHERE cluster_id = ?", [id_])
    return len(rows) > most


def add_up_all(db: Database) -> None:
    """Add up until nothing is left that has changed."""
    while add_up(db):
        pass

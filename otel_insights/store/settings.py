"""Single values of a store, by name."""

from __future__ import annotations

from otel_insights.store.engine import Database


def get(db: Database, name: str) -> str | None:
    """Read a value; None where there is none."""
    row = db.conn.execute("SELECT value FROM setting WHERE name = ?", [name]).fetchone()
    return str(row[0]) if row else None


def put(db: Database, name: str, value: str) -> None:
    """Write a value, in place of what there was."""
    db.conn.execute(
        "INSERT INTO setting VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", [name, value]
    )


def ensure(db: Database, name: str, value: str) -> str:
    """Write a value where there is none; returns the one that there is."""
    db.conn.execute("INSERT INTO setting VALUES (?, ?) ON CONFLICT DO NOTHING", [name, value])
    return get(db, name) or value

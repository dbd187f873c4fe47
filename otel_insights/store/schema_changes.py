"""The migration that keeps which values of environments' configurations changed, and when."""

from __future__ import annotations

from typing import Final

CHANGES: Final = (
    "0012 changes of configurations",
    """
    CREATE TABLE configuration_change (
        id INTEGER PRIMARY KEY, environment_id INTEGER NOT NULL, time_ns INTEGER NOT NULL,
        key TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL
    );
    CREATE INDEX configuration_change_by_environment ON configuration_change (environment_id, time_ns);
    CREATE INDEX configuration_change_by_time ON configuration_change (time_ns);
    CREATE INDEX environment_by_beginning ON environment (namespace, service, first_seen_ns);
    """,
)

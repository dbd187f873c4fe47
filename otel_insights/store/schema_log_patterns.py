"""The migration that brings people's own patterns of log lines."""

from __future__ import annotations

from typing import Final

LOG_PATTERNS: Final = (
    "0007 patterns of log lines",
    """
    -- Of those that match a line, the first one decides. An empty service: of all services, in all namespaces.
    CREATE TABLE log_pattern (
        id INTEGER PRIMARY KEY AUTOINCREMENT, namespace TEXT NOT NULL, service TEXT NOT NULL,
        glob TEXT NOT NULL, created_ns INTEGER NOT NULL,
        UNIQUE (namespace, service, glob)
    );
    """,
)

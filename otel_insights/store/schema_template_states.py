"""The migration that keeps which state of a log template people have been told of."""

from __future__ import annotations

from typing import Final

TEMPLATE_STATES: Final = (
    "0013 states of log templates that were told",
    """
    ALTER TABLE log_template ADD COLUMN told_state TEXT NOT NULL DEFAULT '';
    CREATE INDEX log_template_told ON log_template (told_state) WHERE told_state <> '';
    """,
)

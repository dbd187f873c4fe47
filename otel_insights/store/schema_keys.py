"""A migration: an occurrence holds its keys, which are put into the index of keys many at once."""

from __future__ import annotations

from typing import Final

KEYS: Final = (
    "0011 keys are indexed later",
    """
    ALTER TABLE occurrence ADD COLUMN keys TEXT NOT NULL DEFAULT '';
    INSERT OR REPLACE INTO setting SELECT 'indexed', coalesce(max(id), 0) FROM occurrence;
    """,
)

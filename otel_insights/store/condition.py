"""How a store is, as a look at all of it finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Condition:
    """What is found, and whether a service can run on it."""

    store: str
    """Its file, or its URL without a password."""
    integrity: tuple[str, ...]
    """What is wrong with the file; empty: nothing. A server of PostgreSQL's looks after that itself."""
    dangling: int
    """Rows that point at rows which are not there."""
    pending: tuple[str, ...]
    """Migrations that this version would bring; empty: none."""
    unknown: tuple[str, ...]
    """Migrations of a newer version."""
    bytes: int
    free_bytes: int
    """Of these, how many `vacuum` would give back."""
    rows: dict[str, int]

    @property
    def is_sound(self) -> bool:
        """Tell whether a service of this version can run on it."""
        return not (self.integrity or self.dangling or self.unknown)

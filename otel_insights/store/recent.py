"""The latest occurrences: their keys lie in their own rows, and go into the index of keys (`known`) many at once.

Keys are hashes, so that each lies anywhere in the index: to put it there with its occurrence cost a page for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlite_utils import Database

_MOST_AT_ONE_PLACE: Final = 256


@dataclass(slots=True)
class Recent:
    """Tells which of the occurrences that are not in the index lie at a place (a trace).

    Only a hint, since it is not rolled back with a transaction: whoever asks reads the occurrence and compares places.
    """

    most: int = 20_000
    """Occurrences that wait for the index."""
    _numbers: dict[int, list[int]] = field(default_factory=dict)
    _indexed: int = -1
    """The last occurrence that is in the index, as of what is held here."""
    _last: int = -1
    """The last occurrence that is held here, or was."""
    _held: int = 0
    _is_crowded: bool = False

    @property
    def is_full(self) -> bool:
        """Whether it is time to put what is held into the index."""
        return self._held >= self.most or self._is_crowded

    def at(self, place: int) -> Sequence[int]:
        """Give the numbers of occurrences that may lie at a place."""
        return self._numbers.get(place, ())

    def add(self, place: int, number: int) -> None:
        """Hold an occurrence that has just been written; numbers grow."""
        numbers = self._numbers.setdefault(place, [])
        numbers.append(number)
        self._held += 1
        self._last = number
        if len(numbers) > _MOST_AT_ONE_PLACE:
            self._is_crowded = True

    def follow(self, db: Database, indexed: int, last: int) -> None:
        """Take in what others have written, given what the database says: the last one in the index, and of all.

        After a roll-back, and at the start, too.
        """
        if indexed != self._indexed:
            self._numbers, self._held, self._is_crowded = {}, 0, False
            self._indexed = self._last = indexed
        if last > self._last:
            rows = db.conn.execute("SELECT place, id FROM occurrence WHERE id > ? ORDER BY id", [self._last])
            for place, number in rows.fetchall():
                self.add(place, number)
        self._last = last


def indexed(db: Database) -> int:
    """Tell the number of the last occurrence whose keys are in the index."""
    row = db.conn.execute("SELECT value FROM setting WHERE name = 'indexed'").fetchone()
    return int(row[0]) if row else 0


def mark_indexed(db: Database, last: int) -> None:
    """Note that the keys of all occurrences are in the index whose numbers are not higher."""
    db.conn.execute("INSERT OR REPLACE INTO setting VALUES ('indexed', ?)", [str(last)])


def index(db: Database) -> None:
    """Put the keys of all occurrences into the index that are not in it."""
    (last,) = db.conn.execute("SELECT coalesce(max(id), 0) FROM occurrence").fetchone()
    db.conn.execute(
        "INSERT OR IGNORE INTO known SELECT place, value, occurrence.id FROM occurrence,"
        " json_each('[' || occurrence.keys || ']') WHERE occurrence.id > ? AND occurrence.id <= ? ORDER BY 1, 2",
        [indexed(db), last],
    )
    mark_indexed(db, last)

"""The latest occurrences: their keys lie in their own rows, and go into the index of keys (`known`) many at once.

Keys are hashes, so that each lies anywhere in the index: to put it there with its occurrence cost a page for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from otel_insights.store import settings
from otel_insights.store.engine import Database

_INDEXED: Final = "indexed"
_MOST_AT_ONE_PLACE: Final = 256


@dataclass(slots=True)
class Recent:
    """Tells which of the occurrences that are not in the index lie at a place (a trace).

    Only a hint, since it is not rolled back with a transaction: whoever asks reads the occurrence and compares places.
    """

    most: int = 20_000
    """Occurrences that wait for the index."""
    _numbers: dict[int, int] = field(default_factory=dict)
    """By place: nearly always there is one."""
    _others: dict[int, list[int]] = field(default_factory=dict)
    """Those that came to a place after the first."""
    _indexed: int = -1
    """The last occurrence that is in the index, as of what is held here."""
    _last: tuple[int, int, int] = (-1, 0, 0)
    """The last occurrence that is held, or was: its number, its place, and when it was recorded."""
    _held: int = 0
    _is_crowded: bool = False

    @property
    def is_full(self) -> bool:
        """Whether it is time to put what is held into the index."""
        return self._held >= self.most or self._is_crowded

    def at(self, place: int) -> Sequence[int]:
        """Give the numbers of occurrences that may lie at a place."""
        first = self._numbers.get(place)
        return () if first is None else (first, *self._others.get(place, ()))

    def among(self, places: set[int]) -> set[int]:
        """Tell at which of these places there may be occurrences."""
        return self._numbers.keys() & places

    def extend(self, first: int, places: Sequence[int], recorded_ns: int) -> None:
        """Hold occurrences that have just been written, of which the first has this number and the others follow."""
        if not places:
            return
        end = first + len(places)
        if self._numbers.keys().isdisjoint(places) and len(set(places)) == len(places):
            self._numbers.update(zip(places, range(first, end), strict=True))
        else:
            for number, place in enumerate(places, first):
                self._add(number, place)
        self._held += len(places)
        self._last = end - 1, places[-1], recorded_ns

    def _add(self, number: int, place: int) -> None:
        if place not in self._numbers:
            self._numbers[place] = number
            return
        others = self._others.setdefault(place, [])
        others.append(number)
        if len(others) >= _MOST_AT_ONE_PLACE:
            self._is_crowded = True

    def follow(self, db: Database) -> tuple[int, int]:
        """Take in what others have written; tells the number of the last occurrence, and of the last in the index.

        What was held from before a roll-back is held anew, as numbers are given again after one.
        """
        number, *told = self._last
        last, in_index, *there = db.conn.execute(_ASKED, [number]).fetchone()
        already = int(in_index)
        if already != self._indexed or (self._held and there != told):
            self._numbers, self._others, self._held, self._is_crowded = {}, {}, 0, False
            self._indexed, self._last = already, (already, 0, 0)
        if last > self._last[0]:
            rows = db.conn.execute(
                "SELECT id, place, recorded_ns FROM occurrence WHERE id > ? ORDER BY id", [self._last[0]]
            )
            for number, place, recorded_ns in rows.fetchall():
                self.extend(number, [place], recorded_ns)
        return last, already


_ASKED: Final = """
    SELECT (SELECT coalesce(max(id), 0) FROM occurrence), (SELECT value FROM setting WHERE name = 'indexed'),
    place, recorded_ns FROM (SELECT 1) AS once LEFT JOIN occurrence ON id = ?
"""


def indexed(db: Database) -> int:
    """Tell the number of the last occurrence whose keys are in the index."""
    return int(settings.get(db, _INDEXED) or 0)


def index(db: Database) -> None:
    """Put all occurrences into the index that are not in it.

    Where one is the first of its place, as nearly all are, the key -1 leads to its row, and so to its keys.
    The number of the last one stays on record, so that none is given twice when all are gone.
    """
    (last,) = db.conn.execute("SELECT coalesce(max(id), 0) FROM occurrence").fetchone()
    after = indexed(db)
    of_new = {"after": after, "last": last}
    first = db.conn.execute(
        "INSERT INTO known SELECT place, -1, id FROM occurrence WHERE id > :after AND id <= :last"
        " ORDER BY place, id ON CONFLICT DO NOTHING",
        of_new,
    ).rowcount
    if first < last - after:
        db.conn.execute(
            "INSERT INTO known SELECT place, CAST(value AS BIGINT), occurrence.id FROM occurrence,"
            " json_each('[' || keys || ']') WHERE occurrence.id > :after AND occurrence.id <= :last"
            " AND NOT EXISTS (SELECT 1 FROM known WHERE known.place = occurrence.place AND known.key = -1"
            " AND known.occurrence_id = occurrence.id) ORDER BY 1, 2 ON CONFLICT DO NOTHING",
            of_new,
        )
    settings.put(db, _INDEXED, str(max(after, last)))

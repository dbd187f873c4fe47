"""Which log records were counted: each counts once, however often its telemetry comes.

A key is remembered for as long as a generation lives, and for as long as the one after it: at least so long as `turn`
is told, unless far more records come. A record that keeps coming is remembered on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from otel_insights.store import settings
from otel_insights.store.engine import Database

_SETTING: Final = "log_keys"


def key_of(digest: int, time_ns: int) -> int:
    """Make a key of a record's 64-bit hash and its time.

    Keys lie in the order of time (26 bits, in ms), so that few pages of the store change at once; 37 bits of the hash
    tell those of one ms apart: where it holds 10 records, one in 10^10 is taken for another.

    >>> key_of(2**64 - 1, 0) == 2**37 - 1
    True
    """
    return (time_ns >> 20 & 0x3FF_FFFF) << 37 | digest & 0x1F_FFFF_FFFF


def add(db: Database, keys: Sequence[int]) -> set[int]:
    """Remember keys, none of them twice here; returns those that were known."""
    current, _ = _generation(db)
    asked = json.dumps(sorted(keys))
    db.execute("SAVEPOINT keys")
    added = db.execute(_ADD[current], [asked]).rowcount
    known: set[int] = set()
    if added != len(keys):
        db.execute("ROLLBACK TO keys")
        known = {row[0] for row in db.execute(_KNOWN, [asked])}
        db.execute(_REFRESH[current], [asked])
    db.execute("RELEASE keys")
    return known


_EACH: Final = "CAST(value AS BIGINT)"
_ADD: Final = [
    f"INSERT INTO log_key_{one} SELECT {_EACH} FROM json_each(?)"  # noqa: S608 - names of ours
    f" WHERE NOT EXISTS (SELECT 1 FROM log_key_{1 - one} WHERE key = {_EACH}) ON CONFLICT DO NOTHING"
    for one in (0, 1)
]
_REFRESH: Final = [
    f"INSERT INTO log_key_{one} SELECT {_EACH} FROM json_each(?) WHERE true ON CONFLICT DO NOTHING"  # noqa: S608 - as above
    for one in (0, 1)
]
_KNOWN: Final = (
    f"SELECT {_EACH} FROM json_each(?) WHERE EXISTS (SELECT 1 FROM log_key_0 WHERE key = {_EACH})"  # noqa: S608
    f" OR EXISTS (SELECT 1 FROM log_key_1 WHERE key = {_EACH})"
)


def turn(db: Database, now_ns: int, least_ns: int, most: int) -> None:
    """Begin a new generation, and forget the one before the last, when this one is old enough or holds very many."""
    current, since_ns = _generation(db)
    if not since_ns:
        _save(db, current, now_ns)
    elif now_ns - since_ns >= least_ns or _count(db, current) >= most:
        db.execute(f"DELETE FROM log_key_{1 - current}")  # noqa: S608 - a name of ours
        _save(db, 1 - current, now_ns)


def _count(db: Database, current: int) -> int:
    return int(db.execute(f"SELECT count(*) FROM log_key_{current}").fetchone()[0])  # noqa: S608 - a name of ours


def _generation(db: Database) -> tuple[int, int]:
    """Tell the table that is written, and since when; 0 if nobody has said."""
    said = settings.get(db, _SETTING)
    if said is None:
        return 0, 0
    current, since = said.split()
    return int(current), int(since)


def _save(db: Database, current: int, since_ns: int) -> None:
    settings.put(db, _SETTING, f"{current} {since_ns}")

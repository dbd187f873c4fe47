"""Occurrences: every raise counted once, however often its telemetry comes and however many records tell of it.

The rule that makes two observations one raise is `otel_insights.analysis.occurrences`; here is its memory.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import TypeAlias

from otel_insights.analysis.fingerprint import Fingerprint
from otel_insights.analysis.occurrences import takes_over
from otel_insights.store import counts, fingerprints
from otel_insights.store.engine import Database
from otel_insights.store.environments import EnvironmentKey, identify
from otel_insights.store.observation import Observation
from otel_insights.store.places import Keys, keys_of, place_of
from otel_insights.store.recent import Recent, index, indexed


@dataclass(slots=True)
class _Raise:
    id: int
    fingerprint: str
    complete: bool
    keys: list[int] | None = None
    """To be written with it; None once it is written."""


@dataclass(slots=True)
class _Batch:
    """What one call of `record` finds and adds."""

    next_id: int
    now_ns: int
    recent: Recent
    environments: Mapping[EnvironmentKey, int]
    raises: dict[int, _Raise] = field(default_factory=dict)
    known: dict[tuple[int, int], int] = field(default_factory=dict)
    """Place and key -> occurrence."""
    joined: list[tuple[int, int, int]] = field(default_factory=list)
    """Place, key and occurrence where the occurrence was written before."""
    begun: list[tuple[_Raise, Observation, int]] = field(default_factory=list)
    """With the place."""


def record(
    db: Database,
    observed: Sequence[Observation],
    now_ns: int,
    recent: Recent,
    unsure: Collection[tuple[str, str]] | None = None,
) -> list[str]:
    """Remember observations, and tell for each the fingerprint of its raise.

    That is the observation's own, unless its stack was cut and another record of the same raise has it whole. Counting
    is idempotent: what was recorded before adds nothing. `now_ns` is the time of arrival, which retention goes by.
    `recent` is the caller's to keep from one call to the next. `unsure` are the fingerprints, with their namespaces, of
    which the caller does not know that they are committed; None where it knows of none.
    """
    if recent.is_full:
        index(db)
    last, already = recent.follow(db)
    fingerprints.remember(db, observed, unsure)
    numbers = identify(db, [one.environment for one in observed], now_ns)
    batch = _Batch(max(last, already) + 1, now_ns, recent, numbers)
    places = [place_of(one.trace_id, one.environment.namespace) if one.trace_id else one.key for one in observed]
    shared = _shared(db, recent, places)
    _begin_alone(db, batch, [(one, at) for one, at in zip(observed, places, strict=True) if at not in shared])
    if not shared:
        return [one.fingerprint.id for one in observed]
    _recall(db, batch, [(one, at) for one, at in zip(observed, places, strict=True) if at in shared])
    raises = [
        _place(db, batch, one, at) if at in shared else one.fingerprint
        for one, at in zip(observed, places, strict=True)
    ]
    _save(db, batch)
    return [raised.fingerprint if isinstance(raised, _Raise) else raised.id for raised in raises]


def _shared(db: Database, recent: Recent, places: Sequence[int]) -> set[int]:
    """Tell in which places something may be known, or comes more than once here."""
    different = set(places)
    shared = recent.among(different) | _in_index(db, different)
    if len(different) < len(places):
        shared.update(place for place, times in Counter(places).items() if times > 1)
    return shared


def _begin_alone(db: Database, batch: _Batch, alone: Sequence[tuple[Observation, int]]) -> None:
    """Begin a raise for each observation that meets no other one in its place."""
    now_ns, numbers = batch.now_ns, batch.environments
    rows: list[_Row] = []
    for number, (one, place) in enumerate(alone, batch.next_id):
        print_, environment = one.fingerprint, one.environment
        keys = f"{one.key}{_keys_of(one).kept_text}"
        rows.append(
            (
                number,
                environment.namespace,
                print_.id,
                numbers[environment],
                one.weight,
                one.time_ns,
                print_.complete,
                one.trace_id,
                one.span_id,
                now_ns,
                place,
                keys,
            )
        )
    _add(db, rows)
    batch.recent.extend(batch.next_id, [place for _, place in alone], now_ns)
    batch.next_id += len(alone)


def _keys_of(one: Observation) -> Keys:
    if not one.trace_id:
        return Keys()
    return keys_of(one.environment.service, one.fingerprint.raise_keys, one.fingerprint.complete)


_MOST_ASKED = 512


def _in_index(db: Database, places: set[int]) -> set[int]:
    """Tell which places are in the index."""
    found: set[int] = set()
    asked = list(places)
    for start in range(0, len(asked), _MOST_ASKED):
        part = asked[start : start + _MOST_ASKED]
        size = 1 << (len(part) - 1).bit_length()
        rows = db.conn.execute(_asking(size), part + part[-1:] * (size - len(part)))
        found.update(place for (place,) in rows)
    return found


@lru_cache(maxsize=16)
def _asking(size: int) -> str:
    # a few statements that stay prepared; JSON in place of parameters takes twice as long
    holders = ",".join(["(?)"] * size)
    return (
        f"WITH asked (at) AS (VALUES {holders})"  # noqa: S608 - place holders, nothing else
        " SELECT at FROM asked WHERE EXISTS (SELECT 1 FROM known WHERE place = at)"
    )


def _recall(db: Database, batch: _Batch, shared: Sequence[tuple[Observation, int]]) -> None:
    """Read what is known in these places of the observations, and the raises that they belong to."""
    asked: dict[int, set[int]] = {}
    for one, place in shared:
        asked.setdefault(place, set()).update((one.key, *_keys_of(one).sought))
    held = {number: place for place in asked for number in batch.recent.at(place)}
    for place, keys in asked.items():
        rows = db.conn.execute(
            "SELECT key, occurrence_id FROM known WHERE place = :place AND key = -1 UNION ALL SELECT key, occurrence_id"
            " FROM known WHERE place = :place AND key IN (SELECT CAST(value AS BIGINT) FROM json_each(:keys))",
            {"place": place, "keys": json.dumps(list(keys))},
        )
        for key, number in rows:
            if key == -1:
                held[number] = place
            else:
                batch.known[place, key] = number
    _read_keys(db, batch, held)
    if unread := [number for number in set(batch.known.values()) if number not in batch.raises]:
        rows = db.conn.execute(
            "SELECT id, fingerprint, complete FROM occurrence"
            " WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))",
            [json.dumps(unread)],
        )
        batch.raises.update({number: _Raise(number, print_, bool(complete)) for number, print_, complete in rows})


def _read_keys(db: Database, batch: _Batch, held: Mapping[int, int]) -> None:
    """Read occurrences, given where they may lie, with their keys."""
    rows = db.conn.execute(
        "SELECT id, fingerprint, complete, place, keys FROM occurrence"
        " WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))",
        [json.dumps(list(held))],
    )
    for number, print_, complete, place, keys in rows:
        if held[number] == place:
            batch.raises[number] = _Raise(number, print_, bool(complete))
            batch.known.update({(place, int(key)): number for key in keys.split(",")})


def _place(db: Database, batch: _Batch, one: Observation, place: int) -> _Raise:
    """Find the raise that an observation tells of, or begin one."""
    keys = _keys_of(one)
    known = batch.known.get((place, one.key))
    if known is not None and known in batch.raises:
        return batch.raises[known]
    of_trace = next((batch.known[place, key] for key in keys.sought if (place, key) in batch.known), None)
    raised = batch.raises.get(of_trace) if of_trace is not None else None
    if raised is None:
        raised = _Raise(batch.next_id, one.fingerprint.id, one.fingerprint.complete, [])
        batch.next_id += 1
        batch.raises[raised.id] = raised
        batch.begun.append((raised, one, place))
    elif takes_over(
        one.fingerprint.id,
        complete=one.fingerprint.complete,
        from_fingerprint=raised.fingerprint,
        from_complete=raised.complete,
    ):
        _take_over(db, batch, raised, one.fingerprint)
    new = [one.key, *(key for key in keys.kept if (place, key) not in batch.known)]
    for key in new:
        batch.known[place, key] = raised.id
    if raised.keys is not None:
        raised.keys += new
    else:
        batch.joined += [(place, key, raised.id) for key in new]
    return raised


def _take_over(db: Database, batch: _Batch, raised: _Raise, whole: Fingerprint) -> None:
    """Move a raise to the fingerprint of a record that tells more of it."""
    _save(db, batch)  # the raise may be in this very batch
    counts.move(db, raised.id, whole.id)
    raised.fingerprint, raised.complete = whole.id, whole.complete
    db.execute(
        "UPDATE occurrence SET fingerprint = ?, complete = ? WHERE id = ?", [whole.id, whole.complete, raised.id]
    )


_Row: TypeAlias = tuple[int, str, str, int, float, int, bool, bytes, bytes, int, int, str]
_COLUMNS = (
    "id, namespace, fingerprint, environment_id, weight, time_ns, complete, trace_id, span_id, recorded_ns, place, keys"
)
_HOLDERS = f"({', '.join('?' * len(_COLUMNS.split()))})"
_ROWS_AT_ONCE = 16
"""A statement that adds so many takes a seventh less time for each."""
_ADD = f"INSERT INTO occurrence ({_COLUMNS}) VALUES "  # noqa: S608 - names of columns, nothing else
_ADD_ONE = _ADD + _HOLDERS
_ADD_MANY = _ADD + ", ".join([_HOLDERS] * _ROWS_AT_ONCE)


def _add(db: Database, rows: Sequence[_Row]) -> None:
    rest = len(rows) % _ROWS_AT_ONCE
    for start in range(0, len(rows) - rest, _ROWS_AT_ONCE):
        db.conn.execute(_ADD_MANY, list(chain.from_iterable(rows[start : start + _ROWS_AT_ONCE])))
    if rest:
        db.conn.executemany(_ADD_ONE, rows[-rest:])


def _save(db: Database, batch: _Batch) -> None:
    """Write what was begun and joined."""
    now_ns = batch.now_ns
    _add(
        db,
        [
            (
                raised.id,
                one.environment.namespace,
                raised.fingerprint,
                batch.environments[one.environment],
                one.weight,
                one.time_ns,
                raised.complete,
                one.trace_id,
                one.span_id,
                now_ns,
                place,
                ",".join(map(str, raised.keys or ())),
            )
            for raised, one, place in batch.begun
        ],
    )
    for raised, _, place in batch.begun:
        batch.recent.extend(raised.id, [place], now_ns)
        raised.keys = None
    if batch.joined:
        db.conn.executemany(
            "INSERT INTO known VALUES (?, ?, ?) ON CONFLICT (place, key)"
            " DO UPDATE SET occurrence_id = excluded.occurrence_id",
            batch.joined,
        )
    batch.begun, batch.joined = [], []


MOST_FORGOTTEN = 10_000


def forget_before(db: Database, recorded_ns: int, most: int = MOST_FORGOTTEN) -> int:
    """Drop occurrences that arrived before a time, with their keys, at most so many; counts and examples stay.

    Returns how many went. From then on a repeat of their telemetry would count again.
    """
    # numbers grow with the time of arrival, so the oldest are the lowest
    oldest = db.conn.execute("SELECT id, place, recorded_ns FROM occurrence ORDER BY id LIMIT ?", [most]).fetchall()
    old = [(place, number) for number, place, arrived in oldest if arrived < recorded_ns]
    if old and old[-1][1] > indexed(db):
        index(db)
    db.conn.executemany("DELETE FROM known WHERE place = ? AND occurrence_id = ?", old)
    db.conn.executemany("DELETE FROM occurrence WHERE id = ?", [(number,) for _, number in old])
    return len(old)

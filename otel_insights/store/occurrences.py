"""Occurrences: every raise counted once, however often its telemetry comes and however many records tell of it.

The rule that makes two observations one raise is `otel_insights.analysis.occurrences`; here is its memory.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from sqlite_utils import Database

from otel_insights.analysis.fingerprint import Fingerprint
from otel_insights.analysis.occurrences import kept_keys, sought_keys, takes_over
from otel_insights.store import counts
from otel_insights.store.environments import EnvironmentKey, identify
from otel_insights.store.recent import Recent, index, indexed
from otel_insights.store.redacted import redactor

_LONGEST_EXAMPLE = 16 * 1024
POSITIVE = 2**63 - 1
"""What of a 64-bit number SQLite keeps as a row's own."""


def key_of(*parts: bytes) -> int:
    """Hash parts to the 63 bits that SQLite keeps as a row's own number.

    Among 10 million keys the chance of any two colliding is 5 in a million; a collision hides one occurrence.
    """
    framed = b"".join([piece for part in parts for piece in (len(part).to_bytes(4, "little"), part)])
    return int.from_bytes(hashlib.blake2b(framed, digest_size=8).digest(), "big") & POSITIVE


class Observation(NamedTuple):
    """One record (a span's event, a log record) that tells of a raise.

    `key` identifies the record: the same record sent twice has the same. `weight` is how many the record stands for.
    """

    key: int
    environment: EnvironmentKey
    fingerprint: Fingerprint
    message: str
    stacktrace: str
    trace_id: bytes
    span_id: bytes
    time_ns: int
    weight: float = 1.0


@dataclass(slots=True)
class _Raise:
    id: int
    fingerprint: str
    complete: int
    keys: list[int] | None = None
    """To be written with it; None once it is written."""


@dataclass(slots=True)
class _Batch:
    """What one call of `record` finds and adds."""

    next_id: int
    now_ns: int
    recent: Recent
    raises: dict[int, _Raise] = field(default_factory=dict)
    known: dict[tuple[int, int], int] = field(default_factory=dict)
    """Place and key -> occurrence."""
    joined: list[tuple[int, int, int]] = field(default_factory=list)
    """Place, key and occurrence where the occurrence was written before."""
    begun: list[tuple[_Raise, Observation, int, int]] = field(default_factory=list)
    """With the number of the environment, and the place."""


def record(
    db: Database,
    observed: Sequence[Observation],
    now_ns: int,
    recent: Recent,
    seen: Container[tuple[str, str]] = frozenset(),
) -> list[str]:
    """Remember observations, and tell for each the fingerprint of its raise.

    That is the observation's own, unless its stack was cut and another record of the same raise has it whole. Counting
    is idempotent: what was recorded before adds nothing. `now_ns` is the time of arrival, which retention goes by.
    `recent` is the caller's to keep from one call to the next. `seen` are namespaces with fingerprints that the caller
    knows to be committed: they are not looked for.
    """
    placed = [_placed(one) for one in observed]
    if recent.is_full:
        index(db)
    last, already = db.conn.execute(_ASKED).fetchone()
    recent.follow(db, int(already), last)
    batch = _Batch(max(last, int(already)) + 1, now_ns, recent)
    _recall_recent(db, batch, placed)
    if places := _in_index(db, {where.place for where in placed}):
        _recall(db, batch, observed, placed, places)
    _remember_fingerprints(db, observed, seen)
    numbers = identify(db, (one.environment for one in observed), now_ns)
    found = [
        _place(db, batch, one, where, numbers[one.environment]) for one, where in zip(observed, placed, strict=True)
    ]
    _save(db, batch)
    return [raised.fingerprint for raised in found]


_ASKED = """
    SELECT (SELECT coalesce(max(id), 0) FROM occurrence), (SELECT value FROM setting WHERE name = 'indexed')
"""
"""The last number, and the last in the index."""
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


class _Placed(NamedTuple):
    """Where an observation's raise may be known already, and where it is to be known; by no key without a trace."""

    place: int
    sought: tuple[int, ...]
    kept: tuple[int, ...]


def _placed(one: Observation) -> _Placed:
    if not one.trace_id:
        return _Placed(one.key, (), ())
    environment, print_ = one.environment, one.fingerprint
    # a trace's last eight bytes are random (W3C Trace Context, random trace id); where they are not, keys tell apart
    place = (int.from_bytes(one.trace_id[-8:], "big") ^ _mask(environment.namespace)) & POSITIVE
    return _Placed(place, *_raise_keys(environment.service, print_.raise_keys, complete=print_.complete))


@lru_cache(maxsize=1024)
def _mask(namespace: str) -> int:
    return key_of(namespace.encode())


@lru_cache(maxsize=16_384)
def _raise_keys(service: str, keys: tuple[str, ...], *, complete: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    # of one service: two services that fail alike in one trace fail twice; their spans and logs may differ in instance
    name = service.encode()
    return (
        tuple(key_of(name, key.encode()) for key in sought_keys(keys, complete=complete)),
        tuple(key_of(name, key.encode()) for key in kept_keys(keys, complete=complete)),
    )


def _recall(
    db: Database, batch: _Batch, observed: Sequence[Observation], placed: Sequence[_Placed], places: set[int]
) -> None:
    """Read what is known in these places of the observations, and the raises that they belong to."""
    asked: dict[int, set[int]] = {place: set() for place in places}
    for one, where in zip(observed, placed, strict=True):
        if (keys := asked.get(where.place)) is not None:
            keys.update((one.key, *where.sought))
    for place, keys in asked.items():
        rows = db.conn.execute(
            "SELECT key, occurrence_id FROM known WHERE place = ? AND key IN (SELECT value FROM json_each(?))",
            [place, json.dumps(list(keys))],
        )
        batch.known.update({(place, key): number for key, number in rows})
    if batch.known:
        asked_for = json.dumps([number for number in set(batch.known.values()) if number not in batch.raises])
        rows = db.conn.execute(
            "SELECT id, fingerprint, complete FROM occurrence WHERE id IN (SELECT value FROM json_each(?))", [asked_for]
        )
        batch.raises.update({row[0]: _Raise(*row) for row in rows})


def _recall_recent(db: Database, batch: _Batch, placed: Sequence[_Placed]) -> None:
    """Read, of the occurrences that are not in the index, those in these places, with all their keys."""
    held = {number: where.place for where in placed for number in batch.recent.at(where.place)}
    if not held:
        return
    rows = db.conn.execute(
        "SELECT id, fingerprint, complete, place, keys FROM occurrence WHERE id IN (SELECT value FROM json_each(?))",
        [json.dumps(list(held))],
    )
    for number, print_, complete, place, keys in rows:
        if held[number] == place:
            batch.raises[number] = _Raise(number, print_, complete)
            batch.known.update({(place, int(key)): number for key in keys.split(",")})


def _place(db: Database, batch: _Batch, one: Observation, where: _Placed, environment_id: int) -> _Raise:
    """Find the raise that an observation tells of, or begin one."""
    place, sought, kept = where
    known = batch.known.get((place, one.key))
    if known is not None and known in batch.raises:
        return batch.raises[known]
    of_trace = next((batch.known[place, key] for key in sought if (place, key) in batch.known), None)
    raised = batch.raises.get(of_trace) if of_trace is not None else None
    if raised is None:
        raised = _Raise(batch.next_id, one.fingerprint.id, one.fingerprint.complete, [])
        batch.next_id += 1
        batch.raises[raised.id] = raised
        batch.begun.append((raised, one, environment_id, place))
    elif takes_over(
        one.fingerprint.id,
        complete=one.fingerprint.complete,
        from_fingerprint=raised.fingerprint,
        from_complete=bool(raised.complete),
    ):
        _take_over(db, batch, raised, one.fingerprint)
    new = [one.key, *(key for key in kept if (place, key) not in batch.known)]
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


def _remember_fingerprints(db: Database, observed: Sequence[Observation], seen: Container[tuple[str, str]]) -> None:
    """Put new fingerprints in place, each with the observation that came first for an example."""
    new: dict[tuple[str, str], Observation] = {}
    for one in observed:
        key = (one.environment.namespace, one.fingerprint.id)
        if key not in seen and key not in new and not _is_remembered(db, key):
            new[key] = one
    if not new:
        return
    clean = redactor(db).text
    db.conn.executemany(
        "INSERT INTO fingerprint (namespace, id, exception_type, root_type, title, signature, block,"
        " complete, packages, reasons, first_seen_ns, last_seen_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                namespace,
                one.fingerprint.id,
                one.fingerprint.exception_type,
                one.fingerprint.root_type,
                clean(one.fingerprint.title),
                clean(one.fingerprint.text),
                one.fingerprint.block,
                one.fingerprint.complete,
                json.dumps(one.fingerprint.packages),
                json.dumps([clean(reason) for reason in one.fingerprint.reasons]),
                one.time_ns,
                one.time_ns,
            )
            for (namespace, _), one in new.items()
        ],
    )
    db.conn.executemany(
        "INSERT INTO example VALUES (?, ?, ?, ?)",
        [
            (*key, clean(one.message)[:_LONGEST_EXAMPLE], clean(one.stacktrace)[-_LONGEST_EXAMPLE:])
            for key, one in new.items()
        ],
    )


def _is_remembered(db: Database, key: tuple[str, str]) -> bool:
    return db.conn.execute("SELECT 1 FROM fingerprint WHERE namespace = ? AND id = ?", key).fetchone() is not None


def _save(db: Database, batch: _Batch) -> None:
    now_ns = batch.now_ns
    db.conn.executemany(
        "INSERT INTO occurrence (id, namespace, fingerprint, environment_id, weight, time_ns, complete, trace_id,"
        " span_id, recorded_ns, place, keys) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                raised.id,
                one.environment.namespace,
                raised.fingerprint,
                environment_id,
                one.weight,
                one.time_ns,
                raised.complete,
                one.trace_id,
                one.span_id,
                now_ns,
                place,
                ",".join(map(str, raised.keys or ())),
            )
            for raised, one, environment_id, place in batch.begun
        ],
    )
    for raised, _, _, place in batch.begun:
        batch.recent.add(raised.id, place, now_ns)
        raised.keys = None
    if batch.joined:
        db.conn.executemany("INSERT OR REPLACE INTO known VALUES (?, ?, ?)", batch.joined)
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

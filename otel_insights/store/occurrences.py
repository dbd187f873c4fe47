"""Occurrences: every raise counted once, however often its telemetry comes and however many records tell of it.

The rule that makes two observations one raise is `otel_insights.analysis.occurrences`; here is its memory.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlite_utils import Database

from otel_insights.analysis.fingerprint import Fingerprint
from otel_insights.analysis.occurrences import kept_keys, sought_keys, takes_over
from otel_insights.store.environments import EnvironmentKey, identify

_LONGEST_EXAMPLE = 16 * 1024


def key_of(*parts: bytes) -> int:
    """Hash parts to the 63 bits that SQLite keeps as a row's own number.

    Among 10 million keys the chance of any two colliding is 5 in a million; a collision hides one occurrence.
    """
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(len(part).to_bytes(4, "little"))
        digest.update(part)
    return int.from_bytes(digest.digest(), "big") >> 1


@dataclass(frozen=True, slots=True)
class Observation:
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
    namespace: str
    fingerprint: str
    environment_id: int
    weight: float
    complete: int


@dataclass(slots=True)
class _Batch:
    """What one call of `record` finds and adds."""

    next_id: int
    raises: dict[int, _Raise] = field(default_factory=dict)
    of_observation: dict[int, int] = field(default_factory=dict)
    of_key: dict[int, int] = field(default_factory=dict)
    observations: list[tuple[int, int]] = field(default_factory=list)
    keys: list[tuple[int, int]] = field(default_factory=list)
    occurrences: list[tuple[object, ...]] = field(default_factory=list)
    failures: dict[tuple[str, str, int], list[float]] = field(default_factory=dict)


def record(db: Database, observed: Sequence[Observation], now_ns: int) -> list[str]:
    """Remember observations, and tell for each the fingerprint of its raise.

    That is the observation's own, unless its stack was cut and another record of the same raise has it whole. Counting
    is idempotent: what was recorded before adds nothing. `now_ns` is the time of arrival, which retention goes by.
    """
    raise_keys = [_raise_keys(one) for one in observed]
    batch = _lookup(db, observed, raise_keys)
    numbers = identify(db, (one.environment for one in observed), now_ns)
    _remember_fingerprints(db, observed)
    found = [
        _place(db, batch, one, keys, numbers[one.environment], now_ns)
        for one, keys in zip(observed, raise_keys, strict=True)
    ]
    _save(db, batch, now_ns)
    return [raised.fingerprint for raised in found]


@dataclass(frozen=True, slots=True)
class _RaiseKeys:
    """Where an observation's raise may be known already, and where it is to be known; nowhere without a trace."""

    sought: tuple[int, ...]
    kept: tuple[int, ...]


def _raise_keys(one: Observation) -> _RaiseKeys:
    if not one.trace_id:
        return _RaiseKeys((), ())
    keys, complete = one.fingerprint.raise_keys, one.fingerprint.complete
    # of one service: two services that fail alike in one trace fail twice; their spans and logs may differ in instance
    place = (one.environment.namespace.encode(), one.environment.service.encode(), one.trace_id)
    return _RaiseKeys(
        tuple(key_of(*place, key.encode()) for key in sought_keys(keys, complete=complete)),
        tuple(key_of(*place, key.encode()) for key in kept_keys(keys, complete=complete)),
    )


def _lookup(db: Database, observed: Sequence[Observation], raise_keys: Sequence[_RaiseKeys]) -> _Batch:
    next_id = db.execute("SELECT coalesce(max(id), 0) + 1 FROM occurrence").fetchone()[0]
    batch = _Batch(next_id)
    batch.of_observation = _pairs(db, "observation", (one.key for one in observed))
    batch.of_key = _pairs(db, "raise", itertools.chain.from_iterable(keys.sought for keys in raise_keys))
    wanted = {*batch.of_observation.values(), *batch.of_key.values()}
    rows = db.execute(
        "SELECT id, namespace, fingerprint, environment_id, weight, complete FROM occurrence"
        " WHERE id IN (SELECT value FROM json_each(?))",
        [json.dumps(list(wanted))],
    )
    batch.raises = {row[0]: _Raise(*row) for row in rows}
    return batch


def _pairs(db: Database, table: str, keys: Iterable[int]) -> dict[int, int]:
    sql = {
        "observation": "SELECT key, occurrence_id FROM observation WHERE key IN (SELECT value FROM json_each(?))",
        "raise": "SELECT key, occurrence_id FROM raise WHERE key IN (SELECT value FROM json_each(?))",
    }[table]
    return dict(db.execute(sql, [json.dumps(list(keys))]).fetchall())


def _place(db: Database, batch: _Batch, one: Observation, keys: _RaiseKeys, environment_id: int, now_ns: int) -> _Raise:
    """Find the raise that an observation tells of, or begin one."""
    known = batch.of_observation.get(one.key)
    if known is not None and known in batch.raises:
        return batch.raises[known]
    of_trace = next((batch.of_key[key] for key in keys.sought if key in batch.of_key), None)
    raised = batch.raises.get(of_trace) if of_trace is not None else None
    if raised is None:
        raised = _begin(batch, one, environment_id)
    elif takes_over(
        one.fingerprint.id,
        complete=one.fingerprint.complete,
        from_fingerprint=raised.fingerprint,
        from_complete=bool(raised.complete),
    ):
        _take_over(db, batch, raised, one.fingerprint, now_ns)
    batch.of_observation[one.key] = raised.id
    batch.observations.append((one.key, raised.id))
    for key in keys.kept:
        if key not in batch.of_key:
            batch.of_key[key] = raised.id
            batch.keys.append((key, raised.id))
    return raised


def _begin(batch: _Batch, one: Observation, environment_id: int) -> _Raise:
    raised = _Raise(
        batch.next_id,
        one.environment.namespace,
        one.fingerprint.id,
        environment_id,
        one.weight,
        one.fingerprint.complete,
    )
    batch.next_id += 1
    batch.raises[raised.id] = raised
    batch.occurrences.append(
        (
            raised.id,
            raised.namespace,
            raised.fingerprint,
            environment_id,
            one.weight,
            one.time_ns,
            raised.complete,
            one.trace_id,
            one.span_id,
        )
    )
    _count(batch, raised, one.time_ns, raised.weight)
    return raised


def _count(batch: _Batch, raised: _Raise, time_ns: int, weight: float) -> None:
    sums = batch.failures.setdefault(
        (raised.namespace, raised.fingerprint, raised.environment_id), [0.0, time_ns, time_ns]
    )
    sums[0] += weight
    sums[1] = min(sums[1], time_ns)
    sums[2] = max(sums[2], time_ns)


def _take_over(db: Database, batch: _Batch, raised: _Raise, whole: Fingerprint, now_ns: int) -> None:
    """Move a raise to the fingerprint of a record that tells more of it."""
    _save(db, batch, now_ns)  # the raise may be in this very batch
    row = db.execute("SELECT time_ns FROM occurrence WHERE id = ?", [raised.id]).fetchone()
    _count(batch, raised, row[0], -raised.weight)
    raised.fingerprint, raised.complete = whole.id, whole.complete
    _count(batch, raised, row[0], raised.weight)
    db.execute(
        "UPDATE occurrence SET fingerprint = ?, complete = ? WHERE id = ?", [whole.id, whole.complete, raised.id]
    )


def _remember_fingerprints(db: Database, observed: Sequence[Observation]) -> None:
    """Put each fingerprint in place once; the first example stays."""
    distinct: dict[tuple[str, str], Observation] = {}
    for one in observed:
        distinct.setdefault((one.environment.namespace, one.fingerprint.id), one)
    db.conn.executemany(
        "INSERT INTO fingerprint (namespace, id, exception_type, root_type, title, signature, block, complete,"
        " packages, reasons, message, stacktrace, first_seen_ns, last_seen_ns)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        [
            (
                namespace,
                one.fingerprint.id,
                one.fingerprint.exception_type,
                one.fingerprint.root_type,
                one.fingerprint.title,
                one.fingerprint.text,
                one.fingerprint.block,
                one.fingerprint.complete,
                json.dumps(one.fingerprint.packages),
                json.dumps(one.fingerprint.reasons),
                one.message[:_LONGEST_EXAMPLE],
                one.stacktrace[-_LONGEST_EXAMPLE:],
                one.time_ns,
                one.time_ns,
            )
            for (namespace, _), one in distinct.items()
        ],
    )


def _save(db: Database, batch: _Batch, now_ns: int) -> None:
    db.conn.executemany(
        "INSERT INTO occurrence VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [(*row, now_ns) for row in batch.occurrences]
    )
    db.conn.executemany("INSERT INTO observation VALUES (?, ?)", batch.observations)
    db.conn.executemany("INSERT OR REPLACE INTO raise VALUES (?, ?)", batch.keys)
    db.conn.executemany(
        "INSERT INTO failure VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET weight = weight + excluded.weight,"
        " first_seen_ns = min(first_seen_ns, excluded.first_seen_ns),"
        " last_seen_ns = max(last_seen_ns, excluded.last_seen_ns)",
        [(*key, *sums) for key, sums in batch.failures.items()],
    )
    db.conn.executemany(
        "UPDATE fingerprint SET occurrences = occurrences + ?, first_seen_ns = min(first_seen_ns, ?),"
        " last_seen_ns = max(last_seen_ns, ?) WHERE namespace = ? AND id = ?",
        [(*sums, *key[:2]) for key, sums in batch.failures.items()],
    )
    batch.occurrences, batch.observations, batch.keys, batch.failures = [], [], [], {}


MOST_FORGOTTEN = 10_000


def forget_before(db: Database, recorded_ns: int, most: int = MOST_FORGOTTEN) -> int:
    """Drop occurrences that arrived before a time, with their keys, at most so many; counts and examples stay.

    Returns how many went. From then on a repeat of their telemetry would count again.
    """
    old = [
        row[0]
        for row in db.execute(
            "SELECT id FROM occurrence WHERE recorded_ns < ? ORDER BY recorded_ns LIMIT ?", [recorded_ns, most]
        )
    ]
    numbers = json.dumps(old)
    for table in ("observation", "raise"):
        sql = {
            "observation": "DELETE FROM observation WHERE occurrence_id IN (SELECT value FROM json_each(?))",
            "raise": "DELETE FROM raise WHERE occurrence_id IN (SELECT value FROM json_each(?))",
        }[table]
        db.execute(sql, [numbers])
    db.execute("DELETE FROM occurrence WHERE id IN (SELECT value FROM json_each(?))", [numbers])
    return len(old)

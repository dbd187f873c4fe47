"""Environments: who they are, what is installed there, and how much work they did."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from otel_insights.redaction import COUNT, Redactor
from otel_insights.store import configuration_changes
from otel_insights.store.engine import Database
from otel_insights.store.redacted import redactor


class EnvironmentKey(NamedTuple):
    """The identity of an environment: `service.namespace`, `service.name`, `service.instance.id`."""

    namespace: str
    service: str
    instance: str


@dataclass(frozen=True, slots=True)
class Announced:
    """What a request told of an environment: keys with values, in full or in part; later values win."""

    key: EnvironmentKey
    configuration: Mapping[str, str]
    time_ns: int


@dataclass(frozen=True, slots=True)
class KnownEnvironment:
    """An environment as remembered; `configuration` is JSON text, since most readers hand it to another process."""

    id: int
    key: EnvironmentKey
    configuration: str
    exposure: float
    packages: int
    first_seen_ns: int
    last_seen_ns: int


def identify(db: Database, keys: Iterable[EnvironmentKey], time_ns: int) -> dict[EnvironmentKey, int]:
    """Tell the number of each environment, and give one to those that have none yet."""
    return {key: number_of(db, key) or _new(db, key, time_ns) for key in dict.fromkeys(keys)}


def number_of(db: Database, key: EnvironmentKey) -> int | None:
    """Tell the number of an environment, None where it was never heard of."""
    row = db.conn.execute(
        "SELECT id FROM environment WHERE namespace = ? AND service = ? AND instance = ?", key
    ).fetchone()
    return int(row[0]) if row else None


def _new(db: Database, key: EnvironmentKey, time_ns: int) -> int:
    added = db.conn.execute(
        "INSERT INTO environment (namespace, service, instance, first_seen_ns, last_seen_ns) VALUES (?, ?, ?, ?, ?)"
        " RETURNING id",
        (*key, time_ns, time_ns),
    )
    return int(added.fetchone()[0])


def announce(db: Database, announcements: Sequence[Announced]) -> list[bool]:
    """Add to what is known of environments. Saying the same again changes nothing but `last_seen`.

    Tells of each announcement whether it took back something said before: a key has another value now.
    """
    taken_back: list[bool] = []
    clean = redactor(db)
    for told in announcements:
        number = identify(db, [told.key], told.time_ns)[told.key]
        known = configuration_of(db, number)
        cleaned = _cleaned(clean, told.configuration)
        merged = {**known, **cleaned}
        taken_back.append(any(merged[key] != value for key, value in known.items()))
        if merged != known or not known:
            _reconfigure(db, number, merged)
            configuration_changes.note(db, number, known, cleaned, told.time_ns)
        db.execute(
            "UPDATE environment SET first_seen_ns = min(first_seen_ns, ?), last_seen_ns = max(last_seen_ns, ?)"
            " WHERE id = ?",
            [told.time_ns, told.time_ns, number],
        )
    return taken_back


def _cleaned(clean: Redactor, configuration: Mapping[str, str]) -> dict[str, str]:
    return {key: str(value) for key, value in clean.attributes(configuration).items() if key != COUNT}


def configuration_of(db: Database, number: int) -> dict[str, str]:
    """Read an environment's configuration; empty where nothing is known."""
    row = db.execute(
        "SELECT body FROM configuration JOIN environment ON configuration_hash = hash WHERE id = ?", [number]
    ).fetchone()
    return dict(json.loads(row[0])) if row else {}


def _reconfigure(db: Database, number: int, configuration: Mapping[str, str]) -> None:
    body = json.dumps(configuration, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.blake2b(body.encode(), digest_size=8).hexdigest()
    packages = sum(key.startswith("package.") for key in configuration)
    db.execute("INSERT INTO configuration VALUES (?, ?) ON CONFLICT DO NOTHING", [digest, body])
    db.execute("UPDATE environment SET configuration_hash = ?, packages = ? WHERE id = ?", [digest, packages, number])


def drop_unused_configurations(db: Database) -> None:
    """Forget configurations that no environment has any more (an announcement in parts leaves its halves behind)."""
    db.execute("DELETE FROM configuration WHERE hash NOT IN (SELECT configuration_hash FROM environment)")


def expose(db: Database, done: Mapping[EnvironmentKey, float], time_ns: int) -> None:
    """Add the work (spans, log records) that environments did, failures included."""
    numbers = identify(db, done, time_ns)
    db.conn.executemany(
        "UPDATE environment SET exposure = exposure + ?, last_seen_ns = max(last_seen_ns, ?) WHERE id = ?",
        [(amount, time_ns, numbers[key]) for key, amount in done.items()],
    )


def in_namespace(db: Database, namespace: str) -> list[KnownEnvironment]:
    """Read all environments of a namespace, in order of their numbers."""
    rows = db.execute(
        "SELECT id, service, instance, coalesce(body, '{}'), exposure, packages, first_seen_ns, last_seen_ns"
        " FROM environment LEFT JOIN configuration ON configuration_hash = hash WHERE namespace = ? ORDER BY id",
        [namespace],
    )
    return [KnownEnvironment(row[0], EnvironmentKey(namespace, row[1], row[2]), *row[3:]) for row in rows]


_KNOWN = (
    "SELECT id, namespace, service, instance, coalesce(body, '{}'), exposure, packages, first_seen_ns, last_seen_ns"
    " FROM environment LEFT JOIN configuration ON configuration_hash = hash"
)


def _known(row: Sequence[Any]) -> KnownEnvironment:
    return KnownEnvironment(row[0], EnvironmentKey(*row[1:4]), *row[4:])


def page(
    db: Database, *, after: int = 0, limit: int = 100, namespace: str | None = None, service: str | None = None
) -> list[KnownEnvironment]:
    """Read environments in order of their numbers, after that one."""
    rows = db.execute(
        f"{_KNOWN} WHERE id > ? AND namespace = coalesce(?, namespace) AND service = coalesce(?, service)"
        " ORDER BY id LIMIT ?",
        [after, namespace, service, limit],
    )
    return [_known(row) for row in rows]


def get(db: Database, number: int) -> KnownEnvironment | None:
    """Read one environment; None where there is none of that number."""
    row = db.execute(f"{_KNOWN} WHERE id = ?", [number]).fetchone()
    return _known(row) if row else None


@dataclass(frozen=True, slots=True)
class FailingIn:
    """That an environment fails in a cluster: how often it was counted, and when it was first and last seen."""

    cluster_id: str
    title: str
    count: float
    first_seen_ns: int
    last_seen_ns: int


def failing_in(db: Database, number: int) -> list[FailingIn]:
    """Read in which clusters an environment fails, the one that was seen last first."""
    rows = db.execute(
        "SELECT cluster_id, coalesce(nullif(min(cluster.title), ''), min(fingerprint.title)), sum(weight),"
        " min(failure.first_seen_ns), max(failure.last_seen_ns) FROM failure JOIN fingerprint"
        " ON fingerprint.namespace = failure.namespace AND fingerprint.id = failure.fingerprint"
        " JOIN cluster ON cluster.id = cluster_id WHERE environment_id = ? GROUP BY cluster_id ORDER BY 5 DESC, 1",
        [number],
    )
    return [FailingIn(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class KnownService:
    """A service as remembered: its environments, how many of them failed, and how much work they did."""

    namespace: str
    name: str
    environments: int
    failing: int
    exposure: float
    first_seen_ns: int
    last_seen_ns: int


def services(
    db: Database, *, after: tuple[str, str] | None = None, limit: int = 100, namespace: str | None = None
) -> list[KnownService]:
    """Read services in order of namespace and name, after that one."""
    rows = db.execute(
        "SELECT namespace, service, count(*),"
        " count(*) FILTER (WHERE EXISTS (SELECT 1 FROM failure WHERE environment_id = environment.id)), sum(exposure),"
        " min(first_seen_ns), max(last_seen_ns) FROM environment"
        " WHERE (? = 0 OR (namespace, service) > (?, ?)) AND namespace = coalesce(?, namespace)"
        " GROUP BY namespace, service ORDER BY 1, 2 LIMIT ?",
        [after is not None, *(after or ("", "")), namespace, limit],
    )
    return [KnownService(*row) for row in rows]


def is_service(db: Database, service: str) -> bool:
    """Tell whether anything was ever heard of a service."""
    return db.execute("SELECT 1 FROM environment WHERE service = ? LIMIT 1", [service]).fetchone() is not None


@dataclass(frozen=True, slots=True)
class Census:
    """How many environments there are, and what they told: what `doctor` asks."""

    environments: int
    with_packages: int
    failing: int
    last_seen_ns: int | None


def census(db: Database) -> Census:
    """Count environments over all namespaces."""
    row = db.execute(
        "SELECT count(*), count(*) FILTER (WHERE packages > 0), max(last_seen_ns), count(*) FILTER"
        " (WHERE EXISTS (SELECT 1 FROM failure WHERE environment_id = environment.id)) FROM environment"
    ).fetchone()
    return Census(row[0], row[1], row[3], row[2])

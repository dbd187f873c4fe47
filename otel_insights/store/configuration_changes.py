"""Which values came up in a service: in environments that were there before, and with those that are new."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from otel_insights import semconv
from otel_insights.store.engine import Database

_KINDS: Final = (
    "package.",
    "process.runtime.",
    "process.environment_variable.",
    "vcs.ref.",
    "deployment.",
    "feature_flag.",
)
_MOST_NEW = 200
"""Environments, and configurations, that are looked at: a fleet that is rolled out anew has a few of the latter."""

_MOST_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class CameUp:
    """A value that came up in a service. `before` is what stood there most often; "" where nothing did."""

    key: str
    before: str
    after: str
    time_ns: int
    environments: int


def counts_as_change(key: str) -> bool:
    """Tell whether a key is of what people deploy; hosts, pods and containers are other ones at every start.

    >>> counts_as_change("service.version"), counts_as_change("package.numpy"), counts_as_change("k8s.pod.name")
    (True, True, False)
    """
    return key == semconv.SERVICE_VERSION or key.startswith(_KINDS)


def note(db: Database, environment_id: int, known: Mapping[str, str], told: Mapping[str, str], time_ns: int) -> None:
    """Write down the values that an environment has changed. What it tells for the first time is no change."""
    db.conn.executemany(
        "INSERT INTO configuration_change (environment_id, time_ns, key, before, after) VALUES (?, ?, ?, ?, ?)",
        [
            (environment_id, time_ns, key, known[key], value)
            for key, value in told.items()
            if known.get(key, value) != value and counts_as_change(key)
        ],
    )


def came_up(db: Database, namespace: str, service: str, from_ns: int, until_ns: int) -> list[CameUp]:
    """List the values that a service's environments had for the first time then, the earliest first.

    None for a service that itself was new then, and none of a kind of which the environments before it had told nothing
    (packages, say): all would be.
    """
    found: dict[tuple[str, str, str], list[int]] = {}
    for key, before, after, time_ns in db.execute(
        "SELECT key, before, after, time_ns FROM configuration_change JOIN environment"
        " ON environment.id = environment_id WHERE namespace = ? AND service = ? AND time_ns BETWEEN ? AND ?"
        " ORDER BY time_ns",
        [namespace, service, from_ns, until_ns],
    ):
        found.setdefault((key, before, after), []).append(time_ns)
    for key, before, after, time_ns in _with_new_environments(db, namespace, service, from_ns, until_ns):
        found.setdefault((key, before, after), []).append(time_ns)
    made = [CameUp(*key, min(times), len(times)) for key, times in found.items()]
    return sorted(made, key=lambda one: (one.time_ns, one.key != semconv.SERVICE_VERSION, one.key))


def _with_new_environments(
    db: Database, namespace: str, service: str, from_ns: int, until_ns: int
) -> list[tuple[str, str, str, int]]:
    new = db.execute(
        "SELECT first_seen_ns, body FROM environment JOIN configuration ON configuration_hash = hash"
        " WHERE namespace = ? AND service = ? AND first_seen_ns BETWEEN ? AND ? ORDER BY first_seen_ns LIMIT ?",
        [namespace, service, from_ns, until_ns, _MOST_NEW],
    ).fetchall()
    if not new:
        return []
    old = db.execute(
        "SELECT body, count(*) FROM environment JOIN configuration ON configuration_hash = hash"
        " WHERE namespace = ? AND service = ? AND first_seen_ns < ? GROUP BY hash ORDER BY max(last_seen_ns) DESC"
        " LIMIT ?",
        [namespace, service, from_ns, _MOST_NEW],
    ).fetchall()
    if not old:
        return []
    values: dict[str, Counter[str]] = {}
    for body, count in old:
        for key, value in json.loads(body).items():
            values.setdefault(key, Counter())[value] += count
    told = tuple(kind for kind in _KINDS if any(key.startswith(kind) for key in values))
    return [
        (key, values[key].most_common(1)[0][0] if key in values else "", value, time_ns)
        for time_ns, body in new
        for key, value in json.loads(body).items()
        if counts_as_change(key) and value not in values.get(key, ()) and (key in values or key.startswith(told))
    ]


def forget_before(db: Database, time_ns: int) -> None:
    """Drop changes from before a time, and the oldest of very many: two instances of one id take turns."""
    db.execute(
        "DELETE FROM configuration_change WHERE time_ns < ? OR id <= (SELECT max(id) FROM configuration_change) - ?",
        [time_ns, _MOST_KEPT],
    )

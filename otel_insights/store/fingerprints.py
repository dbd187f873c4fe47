"""Fingerprints: what each is, with the exception that came first for an example."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Final

from otel_insights.store.engine import Database
from otel_insights.store.observation import Observation
from otel_insights.store.redacted import redactor

_LONGEST_EXAMPLE: Final = 16 * 1024


def remember(db: Database, observed: Iterable[Observation], unsure: Collection[tuple[str, str]] | None) -> None:
    """Put new fingerprints in place.

    `unsure` are those (namespace, fingerprint) that may be new; None where any may be.
    """
    if unsure is not None and not unsure:
        return
    first: dict[tuple[str, str], Observation] = {}
    for one in observed:
        first.setdefault((one.environment.namespace, one.fingerprint.id), one)
    new = {key: one for key, one in first.items() if (unsure is None or key in unsure) and not _is_known(db, key)}
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


def _is_known(db: Database, key: tuple[str, str]) -> bool:
    return db.conn.execute("SELECT 1 FROM fingerprint WHERE namespace = ? AND id = ?", key).fetchone() is not None

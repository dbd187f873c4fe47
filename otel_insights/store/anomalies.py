"""Anomalies: episodes in which a metric series did what was not expected of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from otel_insights.errors import InsightsError
from otel_insights.store import outbox
from otel_insights.store.engine import Database
from otel_insights.store.outbox import Finding
from otel_insights.store.redacted import object_text, redactor

Verdict = Literal["anomaly", "not_anomaly"]
_RAISED, _MOST_RAISED = 1.5, 10.0
"""By which factor each "not an anomaly" raises the threshold of its series, and the most."""
OTHERS: Final = ""
"""Service and metric of those beyond the cap on what is counted apart."""
_MOST_COUNTED = 1000


class UnknownAnomaly(InsightsError):  # noqa: N818 - named like BadData and Refused
    """There is no such anomaly."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An episode. Times are nanoseconds since the epoch; values are those of its highest score so far."""

    id: str
    series: str
    """The hash of what identifies its series."""
    namespace: str
    service: str
    instance: str
    metric: str
    part: str
    """What of a histogram: `count` (a second), `p50`, `p95`, `p99`; else ""."""
    attributes: str
    """Of the point, as JSON."""
    resource: str
    """Its attributes, as JSON."""
    opened_ns: int
    closed_ns: int | None
    ended: str
    """Why it is closed: `recovered`, `new_level`, `no_data`, `forgotten`, `restarted`; "" while it is open."""
    recorded_ns: int
    score: float
    """Above 1; 1 is the threshold."""
    threshold: float
    """The detector's score that is 1 here."""
    observed: float
    expected: float | None
    lower: float | None
    upper: float | None
    direction: str
    """`up` or `down`."""
    detector: str
    """Its name and version."""
    verdict: str = ""
    trace_id: str = ""
    """Of an exemplar of the point that opened it, in hex; "" where the sender names none."""
    span_id: str = ""


_COLUMNS: Final = tuple(Anomaly.__dataclass_fields__)
_SELECTED: Final = ", ".join(_COLUMNS)


def record(db: Database, anomalies: Iterable[Anomaly], findings: Iterable[Finding]) -> None:
    """Write anomalies that opened, closed or peaked, with the findings that tell it."""
    clean = redactor(db)
    for told in anomalies:
        one = replace(told, attributes=object_text(clean, told.attributes), resource=object_text(clean, told.resource))
        row = [getattr(one, name) for name in _COLUMNS]
        known = db.conn.execute("SELECT 1 FROM anomaly WHERE id = ?", [one.id]).fetchone()
        if not known:
            _count(db, one)
        db.conn.execute(
            f"INSERT INTO anomaly ({_SELECTED}) VALUES ({', '.join('?' * len(row))}) ON CONFLICT (id) DO UPDATE SET"  # noqa: S608 - names of ours
            " closed_ns = excluded.closed_ns, ended = excluded.ended, score = excluded.score,"
            " threshold = excluded.threshold, observed = excluded.observed, expected = excluded.expected,"
            " lower = excluded.lower, upper = excluded.upper, direction = excluded.direction",
            row,
        )
    outbox.put(db, findings)


def _count(db: Database, one: Anomaly) -> None:
    counted = db.conn.execute(
        "UPDATE anomaly_count SET anomalies = anomalies + 1 WHERE service = ? AND metric = ?", [one.service, one.metric]
    ).rowcount
    if not counted:
        (many,) = db.conn.execute("SELECT count(*) FROM anomaly_count").fetchone()
        key = (one.service, one.metric) if many < _MOST_COUNTED else (OTHERS, OTHERS)
        db.conn.execute(
            "INSERT INTO anomaly_count VALUES (?, ?, 1)"
            " ON CONFLICT (service, metric) DO UPDATE SET anomalies = anomaly_count.anomalies + 1",
            key,
        )


def counts(db: Database) -> Mapping[tuple[str, str], int]:
    """Tell how many anomalies there were since the store began, by service and metric."""
    return {(service, metric): many for service, metric, many in db.execute("SELECT * FROM anomaly_count")}


def page(
    db: Database,
    *,
    after: str = "",
    limit: int = 100,
    service: str | None = None,
    metric: str | None = None,
    since_ns: int | None = None,
    is_open: bool | None = None,
) -> list[Anomaly]:
    """Read anomalies, the latest first, after the one with the id `after`. Raises UnknownAnomaly for another id."""
    conditions, values = ["true"], list[object]()
    for column, value in (
        ("service = ?", service),
        ("metric = ?", metric),
        ("coalesce(closed_ns, 9e18) >= ?", since_ns),
    ):
        if value is not None:
            conditions.append(column)
            values.append(value)
    if is_open is not None:
        conditions.append("closed_ns IS NULL" if is_open else "closed_ns IS NOT NULL")
    if after:
        last = get(db, after)
        conditions.append("(opened_ns, id) < (?, ?)")
        values += [last.opened_ns, last.id]
    rows = db.execute(
        f"SELECT {_SELECTED} FROM anomaly WHERE {' AND '.join(conditions)} ORDER BY opened_ns DESC, id DESC LIMIT ?",  # noqa: S608 - as above
        [*values, limit],
    )
    return [Anomaly(*row) for row in rows]


def get(db: Database, id_: str) -> Anomaly:
    """Read one anomaly. Raises UnknownAnomaly."""
    row = db.execute(f"SELECT {_SELECTED} FROM anomaly WHERE id = ?", [id_]).fetchone()  # noqa: S608 - as above
    if row is None:
        raise UnknownAnomaly(f"there is no anomaly {id_!r}")
    return Anomaly(*row)


def opened(db: Database) -> list[Anomaly]:
    """Read those that are open."""
    return [Anomaly(*row) for row in db.execute(f"SELECT {_SELECTED} FROM anomaly WHERE closed_ns IS NULL")]  # noqa: S608 - as above


def judge(db: Database, id_: str, verdict: Verdict) -> Anomaly:
    """Note what a person says; "not an anomaly" raises the threshold of its series. Raises UnknownAnomaly."""
    one = get(db, id_)
    if one.verdict != verdict:
        factor = _RAISED if verdict == "not_anomaly" else 1 / _RAISED if one.verdict == "not_anomaly" else 1.0
        db.execute(
            "INSERT INTO series_factor VALUES (?, ?)"
            " ON CONFLICT (series) DO UPDATE SET factor = min(?, series_factor.factor * ?)",
            [one.series, factor, _MOST_RAISED, factor],
        )
        db.execute("UPDATE anomaly SET verdict = ? WHERE id = ?", [verdict, id_])
    return get(db, id_)


def factors(db: Database) -> dict[str, float]:
    """Tell by how much the thresholds of series are raised."""
    return dict(db.execute("SELECT series, factor FROM series_factor WHERE factor <> 1").fetchall())


def forget_before(db: Database, time_ns: int) -> None:
    """Drop anomalies that ended before a time; their counts stay."""
    db.execute("DELETE FROM anomaly WHERE closed_ns < ?", [time_ns])


@dataclass(frozen=True, slots=True)
class SavedPart:
    """What a detector knows of at most a thousand series: their keys, and arrays as bytes."""

    detector: str
    keys: bytes
    body: bytes


def save(db: Database, number: int, part: SavedPart, now_ns: int) -> None:
    """Keep a part of what is known of series, in place of what there was of that number."""
    db.execute(
        "INSERT INTO series_state VALUES (?, ?, ?, ?, ?) ON CONFLICT (part) DO UPDATE SET detector = excluded.detector,"
        " keys = excluded.keys, body = excluded.body, saved_ns = excluded.saved_ns",
        [number, part.detector, part.keys, part.body, now_ns],
    )


def drop_parts(db: Database, first: int) -> None:
    """Drop the saved parts from a number on."""
    db.execute("DELETE FROM series_state WHERE part >= ?", [first])


def saved(db: Database) -> Sequence[SavedPart]:
    """Read what was saved, in order."""
    return [SavedPart(*row) for row in db.execute("SELECT detector, keys, body FROM series_state ORDER BY part")]

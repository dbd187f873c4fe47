"""The series of the window of metric points: who, which metric, which labels. Points name them by number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from otel_insights.store import windows
from otel_insights.store.engine import Database


class KnownSeries(NamedTuple):
    """A series; `number` is a hash of what identifies it, `labels` are JSON. Nothing of it holds a secret."""

    number: int
    service: str
    metric: str
    labels: str
    kind: str
    """`gauge`, `cumulative` or `delta`: what its values are."""
    series: str
    """The name under which detectors know it."""


def put(db: Database, packed: bytes, series: Iterable[KnownSeries], now_ns: int, most: int) -> None:
    """Add points to the window, and what is to be noted of their series: that they are, or are still, in use."""
    db.conn.executemany(
        "INSERT INTO metric_series VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (number) DO UPDATE SET used_ns = excluded.used_ns",
        [(*one, now_ns) for one in series],
    )
    windows.METRICS.put(db, packed, now_ns, most)


def find(db: Database, service: str, metrics: Sequence[str]) -> dict[int, KnownSeries]:
    """Find series by number; of a service and of metrics, where these are not empty."""
    rows = db.execute(
        "SELECT number, service, metric, labels, kind, series FROM metric_series WHERE (? = '' OR service = ?)",
        [service, service],
    )
    wanted = set(metrics)
    return {row[0]: KnownSeries(*row) for row in rows if not wanted or row[2] in wanted}


def of_detectors(db: Database, series: str) -> dict[int, KnownSeries]:
    """Find by the name that detectors give: under each version of a service there is one."""
    rows = db.execute(
        "SELECT number, service, metric, labels, kind, series FROM metric_series WHERE series = ?", [series]
    )
    return {row[0]: KnownSeries(*row) for row in rows}


def forget_before(db: Database, time_ns: int) -> None:
    """Let go of series that were not in use since a time."""
    db.execute("DELETE FROM metric_series WHERE used_ns < ?", [time_ns])

"""Log templates as the command line shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from otel_insights.log_portrait import portrait, rows
from otel_insights.store import log_views, templates
from otel_insights.store.corrections import WrongCorrection
from otel_insights.store.engine import Database
from otel_insights.store.log_views import Wanted

_PAGE = 500
_BARS = " ▁▂▃▄▅▆▇█"


def listed(db: Database, wanted: Wanted, state: str) -> list[dict[str, Any]]:
    """Read templates, the most frequent first."""
    templates.fold(db)
    found: list[dict[str, Any]] = []
    after = ""
    while part := log_views.page(db, after=after, limit=_PAGE, wanted=wanted):
        after = part[-1].id
        found += [row for row in rows(db, part) if not state or row["state"] == state]
    return sorted(found, key=lambda row: (-row["count"], row["id"]))


def line(row: Mapping[str, Any]) -> str:
    """Write a template in one line: id, state, severity, count, last seen, service, text or name."""
    seen = row["last_seen"][:16].replace("T", " ")
    text = row["name"] or row["template"]
    return (
        f"{row['id']}  {row['state']:8}  {row['severity']:5}  {row['count']:>8}  {seen}"
        f"  {row['service'] or 'unnamed'}: {text}"
    )


def shown(db: Database, id_: str) -> dict[str, Any]:
    """Read one template whole. Raises WrongCorrection for an unknown one."""
    templates.fold(db)
    found = log_views.get(db, id_)
    if found is None:
        raise WrongCorrection(f"there is no log template {id_!r}")
    return portrait(db, found)


def lines(one: Mapping[str, Any]) -> Iterator[str]:
    """Write a template for a person."""
    yield f"{one['id']}  {one['template']}"
    if one["name"]:
        yield f"called {one['name']}"
    mix = ", ".join(f"{name} {count}" for name, count in one["severities"].items())
    yield f"{one['state']}: {one['count']} records of {one['service'] or 'an unnamed service'} ({mix})"
    yield f"first seen {one['first_seen']}"
    yield f"last seen  {one['last_seen']}"
    counts = [each["count"] for each in one["hours"]]
    yield f"last {len(counts)} hours  {_bars(counts)}  at most {max(counts):g} in one"
    for each in one["rose_with_clusters"]:
        yield f"rose with cluster {each['id']}  {each['title']} ({each['count']:g}, usual {each['usual']:g})"
    for each in one["rose_with_anomalies"]:
        yield f"rose with anomaly {each['id']}  {each['title']} ({each['count']:g}, usual {each['usual']:g})"
    if one["merged_from"]:
        yield f"once also {', '.join(one['merged_from'])}"
    for each in one["examples"]:
        trace = f"  trace {each['trace_id']}" if each["trace_id"] else ""
        yield f"{each['time']}  {each['severity']}  {each['body'][:500]}{trace}"


def _bars(counts: list[float]) -> str:
    """Draw counts.

    >>> _bars([0, 1, 8])
    ' ▁█'
    """
    most = max(counts) or 1.0
    return "".join(_BARS[-(-8 * int(count) // int(max(1, most)))] for count in counts)

"""Clusters as the command line shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from otel_insights.portrait import portrait, state_of
from otel_insights.report import cluster_row, rfc3339
from otel_insights.store import clusters
from otel_insights.store.clusters import Filter
from otel_insights.store.corrections import WrongCorrection
from otel_insights.store.engine import Database
from otel_insights.units import epoch_ns, seconds

_PAGE = 500


def listed(db: Database, namespace: str | None, state: str) -> list[dict[str, Any]]:
    """Read clusters, the one that was seen last first."""
    found: list[clusters.Cluster] = []
    wanted = Filter(namespace, state=state)
    while part := clusters.page(db, after=found[-1].id if found else "", limit=_PAGE, wanted=wanted):
        found += part
    found.sort(key=lambda one: (-one.last_seen_ns, one.id))
    return [cluster_row(one) | {"state": state_of(db, one.id)} for one in found]


def line(row: Mapping[str, Any]) -> str:
    """Write a cluster in one line: id, state, occurrences, environments, last seen, title."""
    seen = row["last_seen"][:16].replace("T", " ")
    return f"{row['id']}  {row['state']:10}  {row['count']:>8}  in {row['environments']:>4}  {seen}  {row['title']}"


def shown(db: Database, cluster_id: str) -> dict[str, Any]:
    """Read one cluster whole. Raises WrongCorrection for an unknown one."""
    found = clusters.get(db, cluster_id)
    if found is None:
        raise WrongCorrection(f"there is no cluster {cluster_id!r}")
    examples = [
        {
            "fingerprint": one.fingerprint,
            "exception_type": one.exception_type,
            "message": one.message,
            "stacktrace": one.stacktrace,
            "reasons": list(one.reasons),
            "time": rfc3339(one.time_ns),
        }
        for one in clusters.examples(db, found.id)
    ]
    return cluster_row(found) | portrait(db, found.id) | {"examples": examples}


def lines(one: Mapping[str, Any]) -> Iterator[str]:
    """Write a cluster for a person."""
    yield f"{one['id']}  {one['title']}"
    until = f" until {one['archived_until']}" if one["archived_until"] else ""
    yield f"{one['state']}{until}: {one['count']} occurrences in {one['environments']} environments"
    yield f"services: {', '.join(name or 'unnamed' for name in one['services'])}"
    yield f"first seen {one['first_seen']}" + (f" in {one['first_version']}" if one["first_version"] else "")
    yield f"last seen  {one['last_seen']}"
    if one["versions"]:
        yield f"versions: {', '.join(each['version'] for each in one['versions'])}"
    for each in one["similar"]:
        yield f"possibly the same: {each['id']}  {each['similarity']:.0%}  {each['title']}"
    for each in one["rose_with_templates"]:
        yield f"rose with log template {each['id']}  {each['template']} ({each['count']:g}, usual {each['usual']:g})"
    for each in one["exemplars"]:
        yield f"trace {each['trace_id'] or '-'} span {each['span_id'] or '-'} {each['time']} {each['instance']}"
    for each in one["examples"]:
        yield f"\nfingerprint {each['fingerprint']}: {each['exception_type']}: {each['message'][:500]}"
        yield from (f"  {reason}" for reason in each["reasons"])
    if one["history"]:
        yield ""
    for each in one["history"]:
        yield f"{each['time']}  {each['cluster_id']} {each['change']} {each['other'] or ''} by {each['decided_by']}"


def time_of(text: str, now_ns: int) -> int:
    """Read a time (ISO 8601, UTC if it names no zone) or how far it is from now. Raises WrongCorrection.

    >>> time_of("1970-01-02", 0) == time_of("1970-01-02T01:00:00+01:00", 0) == time_of("24h", 0) == 86400 * 10**9
    True
    """
    try:
        return now_ns + int(seconds(text) * 1e9)
    except ValueError:
        pass
    try:
        return epoch_ns(text)
    except ValueError:
        raise WrongCorrection(f"expected a time such as 2026-12-31T12:00:00Z, or 7d from now, got {text!r}") from None

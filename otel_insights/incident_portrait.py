"""Incidents as the API and the command line tell them: anomalies that began together, and what began about then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final

from otel_insights.analysis.incidents import BEFORE_NS, SAME_SERVICE_NS, Change, Incident, Trouble, about, incidents
from otel_insights.anomaly_listing import row
from otel_insights.anomaly_news import sentence
from otel_insights.report import rfc3339
from otel_insights.store import anomalies as memory
from otel_insights.store import cluster_beginnings, configuration_changes
from otel_insights.store.anomalies import Anomaly
from otel_insights.store.cluster_beginnings import Beginning
from otel_insights.store.configuration_changes import CameUp
from otel_insights.store.engine import Database

_MOST_ANOMALIES: Final = 2000
_PAGE: Final = 500
_MOST_SERVICES: Final = 20
_MOST_NAMED: Final = 3
"""Changes and clusters that a sentence names; all are in the lists."""
_MINUTE_NS: Final = 60 * 10**9


@dataclass(frozen=True, slots=True)
class _CameUp(Change):
    what: CameUp


@dataclass(frozen=True, slots=True)
class _Began(Change):
    what: Beginning


def latest(
    db: Database,
    *,
    limit: int = 20,
    namespace: str | None = None,
    service: str | None = None,
    since_ns: int = 0,
    after: str = "",
) -> list[dict[str, Any]]:
    """Write the latest incidents, the last to begin first, from the latest 2,000 anomalies.

    What people have called no anomaly is left out. `since_ns`: those that went on after that time. `after`: those
    behind the incident with this id; none where there is no such incident.
    """
    read: list[Anomaly] = []
    while True:
        part = memory.page(db, after=read[-1].id if read else "", limit=_PAGE, since_ns=since_ns - BEFORE_NS)
        read += part
        known = {one.id: one for one in read if one.verdict != "not_anomaly"}
        wanted = [
            one
            for one in incidents(
                [Trouble(one.id, one.namespace, one.service, one.opened_ns, one.closed_ns) for one in known.values()]
            )
            if (namespace is None or one.namespace == namespace)
            and (service is None or service in one.services)
            and (one.ended_ns is None or one.ended_ns >= since_ns)
        ]
        wanted.sort(key=lambda one: (-one.began_ns, one.id))
        if after:
            behind = next((at for at, one in enumerate(wanted, 1) if one.id == after), len(wanted))
            wanted = wanted[behind:]
        is_all = len(part) < _PAGE or len(read) >= _MOST_ANOMALIES
        # what came before these would have to lie within half an hour of their beginning, and has been read
        if is_all or (len(wanted) >= limit and wanted[limit - 1].began_ns - SAME_SERVICE_NS > read[-1].opened_ns):
            return [_row(db, one, [known[each.id] for each in one.troubles]) for one in wanted[:limit]]


def _row(db: Database, incident: Incident, found: Sequence[Anomaly]) -> dict[str, Any]:
    changes, clusters = _about(db, incident)
    instances = {one.instance for one in found}
    return {
        "id": incident.id,
        "namespace": incident.namespace,
        "services": list(incident.services),
        "start": rfc3339(incident.began_ns),
        "end": rfc3339(incident.ended_ns) if incident.ended_ns is not None else None,
        "text": _text(incident, found, changes, clusters, instances),
        "anomalies": [row(one) for one in found],
        "changes": [
            {
                "service": one.service,
                "key": one.what.key,
                "before": one.what.before or None,
                "after": one.what.after,
                "time": rfc3339(one.time_ns),
                "environments": one.what.environments,
            }
            for one in changes
        ],
        "clusters": [
            {
                "id": one.what.cluster_id,
                "service": one.service,
                "title": one.what.title,
                "state": one.what.how,
                "time": rfc3339(one.time_ns),
                "same_instances": bool(one.what.instances & instances),
            }
            for one in clusters
        ],
    }


def _about(db: Database, incident: Incident) -> tuple[list[_CameUp], list[_Began]]:
    namespace, start = incident.namespace, incident.began_ns - BEFORE_NS
    until = incident.last_began_ns + BEFORE_NS  # `about` chooses among these
    changes, clusters = list[_CameUp](), list[_Began]()
    for service in incident.services[:_MOST_SERVICES]:
        changes += [
            _CameUp(one.key, namespace, service, one.time_ns, one)
            for one in configuration_changes.came_up(db, namespace, service, start, until)
        ]
        clusters += [
            _Began(one.cluster_id, namespace, service, one.time_ns, one)
            for one in cluster_beginnings.began(db, namespace, service, start, until)
        ]
    return about(incident, changes), about(incident, clusters)


def _text(
    incident: Incident,
    found: Sequence[Anomaly],
    changes: Sequence[_CameUp],
    clusters: Sequence[_Began],
    instances: set[str],
) -> str:
    """Say it in one sentence."""
    parts = [f"{sentence(found[0])} at {_clock(incident.began_ns)}{_others(found)}"]
    if changes:
        named = [f"{one.what.key} {one.what.after}" for one in changes[:_MOST_NAMED]]
        more = f" and {len(changes) - _MOST_NAMED} more values" if len(changes) > _MOST_NAMED else ""
        parts[0] += f", {_from(changes[0].time_ns, incident.began_ns)} {', '.join(named)}{more} came up"
    for one in clusters[:_MOST_NAMED]:
        did = {"new": "began", "escalating": "spiked", "regressed": "came back"}[one.what.how]
        where = " on the same instances" if one.what.instances & instances else ""
        parts.append(f"cluster {one.what.cluster_id} ({one.what.title}) {did} at {_clock(one.time_ns)}{where}")
    return "; ".join(parts)


def _others(found: Sequence[Anomaly]) -> str:
    """Count the anomalies beside the first.

    >>> _others([])
    ''
    """
    rest = Counter(one.service for one in found[1:])
    if not rest:
        return ""
    many = sum(rest.values())
    whose = ", ".join(
        f"{service or 'an unnamed service'} ({count})" for service, count in rest.most_common(_MOST_NAMED)
    )
    return f", with {many} more {'anomaly' if many == 1 else 'anomalies'}: {whose}"


def _clock(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, tz=timezone.utc).strftime("%H:%M UTC")


def _from(time_ns: int, began_ns: int) -> str:
    """Say how a change lies to a beginning.

    >>> _from(0, 120 * 10**9), _from(0, 20 * 10**9), _from(90 * 10**9, 0)
    ('2 minutes after', 'just as', '2 minutes before')
    """
    minutes = round((began_ns - time_ns) / _MINUTE_NS)
    if minutes == 0:
        return "just as"
    return f"{abs(minutes)} minute{'' if abs(minutes) == 1 else 's'} {'after' if minutes > 0 else 'before'}"

"""Similar lines across services, each kind in a few sentences that follow from the counts alone."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from otel_insights import companions
from otel_insights.log_portrait import rows
from otel_insights.report import rfc3339
from otel_insights.store import log_views
from otel_insights.store.engine import Database
from otel_insights.store.log_views import LogTemplate, Wanted
from otel_insights.summary_words import busiest, by_service, counted, minute, ranked, rose_with, service_name

MODEL_VERSION: Final = "templates-2"
"""How groups and summaries are made; another one when that changes."""
_PAGE: Final = 500
_SAMPLES: Final = 5
_LOOKED_INTO: Final = 20
"""Templates of one group, the most frequent ones, of which it is asked what rose with them."""
_SAID: Final = 3
"""Things that rose with a group, of each kind."""


def summaries(db: Database, wanted: Wanted, limit: int = 50) -> list[dict[str, Any]]:
    """Group the templates of all services that say the same, the most frequent first; counts are of that severity."""
    groups: defaultdict[str, list[LogTemplate]] = defaultdict(list)
    for one in _all(db, wanted):
        groups[signature_of(one.text)].append(one)
    severity = wanted.severity.upper()
    most = sorted(groups, key=lambda signature: (-_support(groups[signature], severity), _id_of(signature)))[:limit]
    return [_summary(db, signature, groups[signature], severity) for signature in most]


def _support(members: Sequence[LogTemplate], severity: str) -> int:
    return int(sum(one.counts.get(severity, 0.0) if severity else one.count for one in members))


def summary(db: Database, cluster_id: str) -> dict[str, Any] | None:
    """Summarise one group whole, of all severities, with what explains it; None for an unknown id."""
    texts = log_views.texts(db)
    signatures = {text: signature_of(text) for text in {text for _, text in texts}}
    ids = [id_ for id_, text in texts if _id_of(signatures[text]) == cluster_id]
    members = [one for id_ in ids if (one := log_views.get(db, id_)) is not None]
    if not members:
        return None
    members.sort(key=lambda one: (-one.count, one.id))
    made = _summary(db, signatures[members[0].text], members, "")
    return made | {"explanation": _explanation(db, members)}


def _all(db: Database, wanted: Wanted) -> Iterator[LogTemplate]:
    after = ""
    while part := log_views.page(db, after=after, limit=_PAGE, wanted=wanted):
        after = part[-1].id
        yield from part


def signature_of(text: str) -> str:
    """Give what templates of different services have in common that say the same: case and white space are no matter.

    >>> signature_of("Connection to <*>  refused.")
    'connection to <*> refused'
    """
    return " ".join(text.lower().split()).rstrip(".!")


def _id_of(signature: str) -> str:
    return hashlib.blake2b(signature.encode(), digest_size=8).hexdigest()


def _summary(db: Database, signature: str, members: Sequence[LogTemplate], severity: str) -> dict[str, Any]:
    services: defaultdict[str, float] = defaultdict(float)
    for one in members:
        services[one.service] += one.counts.get(severity, 0.0) if severity else one.count
    by_count = ranked(services)
    first, last = min(one.first_seen_ns for one in members), max(one.last_seen_ns for one in members)
    examples = sorted((each for one in members for each in one.examples), key=lambda each: -each.time_ns)
    name = next((one.name for one in members if one.name), "")
    kind = f"{severity} record" if severity else "record"
    said = [
        counted(sum(by_count.values()), f"{kind} says", f"{kind}s say", name or members[0].text),
        f"Logged by {by_service(by_count)}, from {minute(first)} to {minute(last)}.",
        *busiest(_hours(db, members)),
    ]
    return {
        "cluster_id": _id_of(signature),
        "signature": signature,
        "summary": " ".join(said),
        "support_count": int(sum(by_count.values())),
        "services": {service: int(count) for service, count in by_count.items()},
        "sample_messages": list(dict.fromkeys(each.body for each in examples))[:_SAMPLES],
        "ts_range": [rfc3339(first), rfc3339(last)],
        "template_ids": [one.id for one in members],
        "model_version": MODEL_VERSION,
    }


def _hours(db: Database, members: Sequence[LogTemplate]) -> Mapping[int, float]:
    summed: defaultdict[int, float] = defaultdict(float)
    for counts in log_views.hours(db, [one.id for one in members]).values():
        for hour, count in counts.items():
            summed[hour] += count
    return summed


def _explanation(db: Database, members: Sequence[LogTemplate]) -> list[str]:
    """Say what is known about a group beyond its counts: none of it is proof of a cause."""
    mix: defaultdict[str, float] = defaultdict(float)
    for one in members:
        for severity, count in one.counts.items():
            mix[severity] += count
    said = []
    if len(mix) > 1:
        said.append(f"Logged as {', '.join(f'{name} ({count:,.0f})' for name, count in ranked(mix).items())}.")
    return [*said, *_states(db, members), *_rose(db, members)]


def _states(db: Database, members: Sequence[LogTemplate]) -> list[str]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows(db, members):
        found[row["state"]].append(service_name(row["service"]))
    words = (("new", "It is new in"), ("surging", "It surges in"), ("vanished", "It has vanished from the log of"))
    return [f"{word} {', '.join(sorted(set(found[state])))}." for state, word in words if state in found]


def _rose(db: Database, members: Sequence[LogTemplate]) -> list[str]:
    clusters: dict[str, tuple[str, float, float]] = {}
    anomalies: dict[str, tuple[str, float, float]] = {}
    for one in members[:_LOOKED_INTO]:
        hours = log_views.hours(db, [one.id])[one.id]
        for found, into in (
            (companions.clusters_with(db, one, hours), clusters),
            (companions.anomalies_with(db, one, hours), anomalies),
        ):
            for each in found:
                into.setdefault(each["id"], (each["title"], each["count"], each["usual"]))
    return [
        *rose_with(list(clusters.values())[:_SAID], "cluster"),
        *rose_with(list(anomalies.values())[:_SAID], "anomaly"),
    ]

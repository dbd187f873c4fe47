"""Similar lines across services, each kind in a few sentences that follow from the counts alone."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlite_utils import Database

from otel_insights.report import rfc3339
from otel_insights.store import log_views
from otel_insights.store.log_views import LogTemplate, Wanted
from otel_insights.store.templates import HOUR_NS

MODEL_VERSION = "templates-1"
"""How groups and summaries are made; another one when that changes."""
_PAGE = 500
_SAMPLES = 5
_NAMED = 3


def summaries(db: Database, wanted: Wanted, limit: int = 50) -> list[dict[str, Any]]:
    """Group the templates of all services that say the same, the most frequent first; counts are of that severity."""
    groups: defaultdict[str, list[LogTemplate]] = defaultdict(list)
    for one in _all(db, wanted):
        groups[signature_of(one.text)].append(one)
    found = [_summary(db, signature, members, wanted.severity.upper()) for signature, members in groups.items()]
    found.sort(key=lambda one: (-one["support_count"], one["cluster_id"]))
    return found[:limit]


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


def _summary(db: Database, signature: str, members: Sequence[LogTemplate], severity: str) -> dict[str, Any]:
    by_service: defaultdict[str, float] = defaultdict(float)
    for one in members:
        by_service[one.service] += one.counts.get(severity, 0.0) if severity else one.count
    ranked = dict(sorted(by_service.items(), key=lambda pair: (-pair[1], pair[0])))
    first, last = min(one.first_seen_ns for one in members), max(one.last_seen_ns for one in members)
    examples = sorted((each for one in members for each in one.examples), key=lambda each: -each.time_ns)
    name = next((one.name for one in members if one.name), "")
    said = [
        _counted(name or members[0].text, sum(ranked.values()), severity),
        f"Logged by {_services(ranked)}, from {_minute(first)} to {_minute(last)}.",
        *_busiest(log_views.hours(db, [one.id for one in members])),
    ]
    return {
        "cluster_id": hashlib.blake2b(signature.encode(), digest_size=8).hexdigest(),
        "signature": signature,
        "summary": " ".join(said),
        "support_count": int(sum(ranked.values())),
        "services": {service: int(count) for service, count in ranked.items()},
        "sample_messages": list(dict.fromkeys(each.body for each in examples))[:_SAMPLES],
        "ts_range": [rfc3339(first), rfc3339(last)],
        "template_ids": [one.id for one in members],
        "model_version": MODEL_VERSION,
    }


def _counted(text: str, total: float, severity: str) -> str:
    records = f"{severity} record" if severity else "record"
    sentence = f"{total:,.0f} {records}{' says' if total == 1 else 's say'}: {text}"
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."


def _services(ranked: Mapping[str, float]) -> str:
    named = [f"{name or 'an unnamed service'} ({count:,.0f})" for name, count in list(ranked.items())[:_NAMED]]
    others = f" and {len(ranked) - _NAMED} more" if len(ranked) > _NAMED else ""
    return ", ".join(named) + others


def _busiest(by_template: Mapping[str, Mapping[int, float]]) -> list[str]:
    hours: defaultdict[int, float] = defaultdict(float)
    for counts in by_template.values():
        for hour, count in counts.items():
            hours[hour] += count
    if len(hours) < 2:  # noqa: PLR2004 - one hour is all of it
        return []
    busiest = max(hours, key=lambda hour: (hours[hour], hour))
    return [f"{hours[busiest]:,.0f} came within the hour from {_minute(busiest * HOUR_NS)} on."]


def _minute(time_ns: int) -> str:
    return rfc3339(time_ns)[:16].replace("T", " ")

"""New log templates as findings: told by the analysis after their first lines, once what is alike has come together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from otel_insights import semconv
from otel_insights.findings import finding
from otel_insights.store import log_views, templates
from otel_insights.store.engine import Database
from otel_insights.store.outbox import Finding
from otel_insights.store.templates import News

_AT_ONCE = 200
_LEVELS = {"WARN": "WARN", "ERROR": "ERROR", "FATAL": "ERROR"}


@dataclass(frozen=True, slots=True)
class Announced:
    """How many new templates were told, and how many were not since there were too many."""

    told: int
    untold: int
    by_service: Mapping[str, int]


def announce(db: Database, most: int) -> Announced | None:
    """Tell of new templates, at most so many, and note those beyond as told; None if there were none.

    Call it until there are none: it takes some at a time.
    """
    news = templates.unannounced(db, _AT_ONCE)
    if not news:
        return None
    told = news[: max(0, most)]
    templates.announce(db, [one.id for one in news], [_finding(db, one) for one in told])
    return Announced(len(told), len(news) - len(told), Counter(one.service for one in news))


def _finding(db: Database, one: News) -> Finding:
    examples = log_views.examples(db, one.id)
    severity = log_views.severity(log_views.counts(db, one.id))
    first = min(examples, key=lambda each: each.time_ns, default=None)
    return finding(
        semconv.LOG_TEMPLATE_CREATED,
        one.id,
        f"New in the log of {one.service or 'an unnamed service'}: {one.text}",
        {
            semconv.LOG_TEMPLATE_ID: one.id,
            semconv.LOG_RECORD_TEMPLATE: one.text,
            semconv.LOG_TEMPLATE_SEVERITY: severity,
            semconv.LOG_TEMPLATE_EXAMPLES: [each.body for each in examples],
            semconv.SUBJECT_NAMESPACE: one.namespace,
            semconv.SUBJECT_NAME: one.service,
        },
        time_ns=first.time_ns if first else one.created_ns,
        severity=_LEVELS.get(severity, "INFO"),
        trace_id=first.trace_id if first else b"",
        span_id=first.span_id if first else b"",
    )

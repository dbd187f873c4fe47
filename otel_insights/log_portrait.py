"""What is told of log templates beyond their counts, by the API and the command line alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from otel_insights import companions
from otel_insights.analysis.log_states import state
from otel_insights.report import rfc3339, template_row
from otel_insights.store import log_views
from otel_insights.store.engine import Database
from otel_insights.store.log_views import LogTemplate
from otel_insights.store.templates import HOUR_NS, Example

_SHOWN_HOURS = 48


def rows(db: Database, templates: Sequence[LogTemplate]) -> list[dict[str, Any]]:
    """Write templates with the state of each."""
    hours = log_views.hours(db, [one.id for one in templates])
    heard: dict[tuple[str, str], tuple[int, int]] = {}
    written = []
    for one in templates:
        service = one.namespace, one.service
        if service not in heard:
            first, last = log_views.heard(db, *service)
            heard[service] = first // HOUR_NS, last // HOUR_NS
        where = state(hours[one.id], one.first_seen_ns // HOUR_NS, *heard[service])
        written.append(template_row(one) | {"state": where})
    return written


def portrait(db: Database, template: LogTemplate) -> dict[str, Any]:
    """Write one template whole: hours, first lines, what it was merged from, what it rose with."""
    hours = log_views.hours(db, [template.id])[template.id]
    _, last = log_views.heard(db, template.namespace, template.service)
    shown = range(last // HOUR_NS - _SHOWN_HOURS + 1, last // HOUR_NS + 1)
    return rows(db, [template])[0] | {
        "hours": [{"hour": rfc3339(hour * HOUR_NS), "count": hours.get(hour, 0.0)} for hour in shown],
        "examples": [_example(one) for one in template.examples],
        "merged_from": log_views.merged_from(db, template.id),
        "rose_with_clusters": companions.clusters_with(db, template, hours),
        "rose_with_anomalies": companions.anomalies_with(db, template, hours),
    }


def _example(one: Example) -> dict[str, Any]:
    return {
        "body": one.body,
        "severity": one.severity,
        "time": rfc3339(one.time_ns),
        "trace_id": one.trace_id.hex(),
        "span_id": one.span_id.hex(),
    }

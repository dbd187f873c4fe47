"""Log templates that surge or have vanished, as findings: each told once, until it is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from otel_insights import semconv
from otel_insights.analysis import log_states
from otel_insights.analysis.log_states import SURGING, VANISHED
from otel_insights.analysis.spikes import LEAST_COUNT, spike
from otel_insights.findings import Value, finding
from otel_insights.report import rfc3339
from otel_insights.store import log_views, template_states
from otel_insights.store.engine import Database
from otel_insights.store.outbox import Finding
from otel_insights.store.template_states import Candidate
from otel_insights.store.templates import HOUR_NS

_TELLS = frozenset({SURGING, VANISHED})


@dataclass(slots=True)
class Changes:
    """What is to be told, and the states that are known once it is."""

    states: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    untold: int = 0
    """How many were not told, since there were too many."""


def look(db: Database, most: int) -> Changes:
    """Compare states with those that were told. Reads only: `template_states.tell` writes what comes of it."""
    found = Changes()
    for namespace, service, first_ns, last_ns in template_states.services(db):
        asked = template_states.candidates(
            db,
            namespace,
            service,
            last_ns,
            least_count=LEAST_COUNT,
            least_hours=log_states.LEAST_HOURS,
            least_gap=log_states.LEAST_GAP,
        )
        hours = log_views.hours(db, [one.id for one in asked])
        for one in asked:
            state = log_states.state(hours[one.id], one.first_hour, first_ns // HOUR_NS, last_ns // HOUR_NS)
            state = state if state in _TELLS else ""
            if state == one.told:
                continue
            found.states[one.id] = state
            if state and len(found.findings) >= most:
                found.untold += 1
            elif state:
                made = _surging if state == SURGING else _vanished
                found.findings.append(made(one, hours[one.id], last_ns))
    return found


def _surging(one: Candidate, hours: Mapping[int, float], last_ns: int) -> Finding:
    last = last_ns // HOUR_NS
    seen = next(found for hour in (last, last - 1) if (found := spike(hours, one.first_hour, hour)))
    body = f"Far more than usual in the log of {_named(one)}: {seen.count:g} within an hour where about"
    return _finding(
        semconv.LOG_TEMPLATE_SURGING,
        one,
        f"{body} {seen.expected:g} are: {one.text}",
        {semconv.LOG_TEMPLATE_HOUR_COUNT: seen.count, semconv.LOG_TEMPLATE_HOUR_EXPECTED: seen.expected},
        last_ns,
        seen.hour,
    )


def _vanished(one: Candidate, _hours: Mapping[int, float], last_ns: int) -> Finding:
    body = f"No longer in the log of {_named(one)}, last at {rfc3339(one.last_seen_ns)}: {one.text}"
    return _finding(semconv.LOG_TEMPLATE_VANISHED, one, body, {}, last_ns, one.last_seen_ns)


def _named(one: Candidate) -> str:
    return one.service or "an unnamed service"


def _finding(
    event: str, one: Candidate, body: str, attributes: Mapping[str, Value], time_ns: int, occasion: int
) -> Finding:
    return finding(
        event,
        f"{one.id} {occasion}",
        body,
        {
            semconv.LOG_TEMPLATE_ID: one.id,
            semconv.LOG_RECORD_TEMPLATE: one.text,
            semconv.SUBJECT_NAMESPACE: one.namespace,
            semconv.SUBJECT_NAME: one.service,
            **attributes,
        },
        time_ns=time_ns,
    )

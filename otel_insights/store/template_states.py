"""Which log templates may surge or have vanished, and of which of them that was told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from otel_insights.analysis.spikes import KEPT_HOURS
from otel_insights.store import outbox
from otel_insights.store.engine import Database
from otel_insights.store.outbox import Finding
from otel_insights.store.templates import HOUR_NS


@dataclass(frozen=True, slots=True)
class Candidate:
    """A template whose state may be another one than people know."""

    id: str
    namespace: str
    service: str
    text: str
    told: str
    """`surging`, `vanished`, or "" if nothing of the kind is known."""
    first_hour: int
    last_seen_ns: int


def candidates(
    db: Database, namespace: str, service: str, last_ns: int, *, least_count: int, least_hours: int, least_gap: int
) -> list[Candidate]:
    """List a service's templates that were logged `least_count` times in one of its last two hours, those in at least
    `least_hours` hours and none of the last `least_gap`, and those of which something was told.

    `last_ns` is the time of the service's last record. The counts have to be folded.
    """
    hour = last_ns // HOUR_NS
    rows = db.execute(
        "SELECT id, text, told_state, min(first_seen_ns), max(last_seen_ns) FROM log_template"
        " JOIN log_template_count ON template_id = id"
        " WHERE namespace = :namespace AND service = :service AND merged_into IS NULL GROUP BY id"
        " HAVING told_state <> '' OR (max(last_seen_ns) >= (:hour - 1) * :hour_ns AND EXISTS (SELECT 1"
        "  FROM log_template_hour WHERE template_id = id AND hour >= :hour - 1"
        "  GROUP BY hour HAVING sum(weight) >= :least_count))"
        " OR (max(last_seen_ns) BETWEEN (:hour - :kept) * :hour_ns AND (:hour - :least_gap + 1) * :hour_ns"
        "  AND (SELECT count(DISTINCT hour) FROM log_template_hour WHERE template_id = id) >= :least_hours)"
        " ORDER BY id",
        {
            "namespace": namespace,
            "service": service,
            "hour": hour,
            "hour_ns": HOUR_NS,
            "kept": KEPT_HOURS,
            "least_count": least_count,
            "least_hours": least_hours,
            "least_gap": least_gap,
        },
    )
    return [
        Candidate(id_, namespace, service, text, told, first // HOUR_NS, last) for id_, text, told, first, last in rows
    ]


def services(db: Database) -> list[tuple[str, str, int, int]]:
    """List services with the times (ns) of their first and last record."""
    rows: list[tuple[str, str, int, int]] = db.execute(
        "SELECT namespace, service, min(first_seen_ns), max(last_seen_ns) FROM log_template"
        " JOIN log_template_count ON template_id = id GROUP BY namespace, service ORDER BY namespace, service"
    ).fetchall()
    return rows


def tell(db: Database, states: Mapping[str, str], findings: Iterable[Finding]) -> None:
    """Put findings on their way, and note which states were told."""
    outbox.put(db, findings)
    rows = json.dumps(list(states.items()))
    db.execute(
        "UPDATE log_template SET told_state = json_extract(told.value, '$[1]') FROM json_each(?) AS told"
        " WHERE log_template.id = json_extract(told.value, '$[0]')",
        [rows],
    )

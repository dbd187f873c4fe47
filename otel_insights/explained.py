"""What `explain` shows of a cluster: its suggestions with the table behind each, or why nothing is said."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from otel_insights.analysis.comparison import Fleet, Row, comparable, split_by_health
from otel_insights.analysis.conditions import Condition, joined
from otel_insights.analysis.evidence import read_evidence
from otel_insights.analysis.wording import missing_evidence
from otel_insights.report import cluster_row, rfc3339
from otel_insights.store import clusters, environments, suggestions
from otel_insights.store.clusters import Cluster
from otel_insights.store.engine import Database
from otel_insights.store.evidence import Raised, exemplars, gather
from otel_insights.store.feedback import conditions_of
from otel_insights.store.suggestions import StoredSuggestion

_MOST_SHOWN = 5
"""Environments that a remedy was seen in, and traces."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A suggestion, and what it stands on. The table counts what is known now, the suggestion what was known then."""

    body: Mapping[str, Any]
    """As REPORT.json and the API have it."""
    table: Sequence[Row]
    """Each condition alone; of several, at the end all together."""
    aliases: Sequence[str]
    missing: Sequence[str]
    """Of a lead: what evidence is missing."""
    seen_healthy_in: Sequence[str]
    """Some of the environments in which the remedy was seen, as `service instance`."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A cluster with all that explains it; `asked` is the id that was asked for, perhaps of one that was merged."""

    asked: str
    cluster: Cluster
    suggestions: Sequence[Explained]
    silence: tuple[str, str] | None
    exemplars: Sequence[Raised]

    def as_json(self) -> dict[str, Any]:
        """Write it as a JSON object: a cluster as the API shows it, with what stands behind each suggestion."""
        return {
            **cluster_row(self.cluster),
            "asked_for": self.asked,
            "suggestions": [_json(one) for one in self.suggestions],
            "silence": {"reason": self.silence[0], "text": self.silence[1]} if self.silence else None,
            "exemplars": [
                {
                    "trace_id": one.trace_id,
                    "span_id": one.span_id,
                    "time": rfc3339(one.time_ns),
                    "environment": one.environment,
                }
                for one in self.exemplars
            ],
        }


def show(db: Database, cluster_id: str) -> Shown | None:
    """Read all that explains a cluster; None where there is none of this id. A merged one shows where it went."""
    cluster = clusters.get(db, cluster_id)
    if cluster is None:
        return None
    said = suggestions.of_cluster(db, cluster.id)
    known = environments.in_namespace(db, cluster.namespace) if said else []
    names = {one.id: f"{one.key.service} {one.key.instance}".strip() for one in known}
    compared = comparable(read_evidence(gather(db, cluster.id, cluster.namespace))) if said else []
    fleet = Fleet.of(compared)
    healthy = [
        (names[one.id], {**one.configuration, "service.name": one.service}) for one in split_by_health(compared)[0]
    ]
    return Shown(
        cluster_id,
        cluster,
        [_explained(one, fleet, healthy) for one in said],
        suggestions.silence_of(db, cluster.id),
        exemplars(db, cluster.id, _MOST_SHOWN),
    )


def _explained(one: StoredSuggestion, fleet: Fleet, healthy: Sequence[tuple[str, Mapping[str, str]]]) -> Explained:
    body: Mapping[str, Any] = one.body
    conditions = conditions_of(body["conditions"])
    aliases = [conditions_of(alias) for alias in body["aliases"]]
    missing = missing_evidence(conditions, body["failing"][0], body["p_value"], aliases) if one.tier == "lead" else []
    seen = _seen_healthy(conditions, body["remedy"], healthy) if body["remedy"] else []
    return Explained(body, fleet.table(conditions), [joined(alias) for alias in aliases], missing, seen)


def _seen_healthy(
    conditions: Sequence[Condition], remedy: Mapping[str, Any], healthy: Sequence[tuple[str, Mapping[str, str]]]
) -> list[str]:
    change = Condition(remedy["key"], remedy["op"], remedy["value"])
    others = [one for one in conditions if one.key != change.key]
    wanted = (*others, change)
    return [name for name, has in healthy if all(one.holds(has) for one in wanted)][:_MOST_SHOWN]


def _json(one: Explained) -> dict[str, Any]:
    rows = [
        {
            "conditions": [{"key": c.key, "op": c.op, "value": c.value} for c in row.conditions],
            "failing": list(row.failing),
            "failing_interval": [round(bound, 4) for bound in row.failing_interval],
            "healthy": list(row.healthy),
            "healthy_interval": [round(bound, 4) for bound in row.healthy_interval],
            "risk_ratio": row.risk_ratio,
        }
        for row in one.table
    ]
    return {
        **one.body,
        "table": rows,
        "missing_evidence": list(one.missing),
        "remedy_seen_in": list(one.seen_healthy_in),
    }


def to_text(shown: Shown) -> str:
    """Write it as JSON text."""
    return json.dumps(shown.as_json(), indent=1, ensure_ascii=False)

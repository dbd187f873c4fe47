"""The evidence on a cluster: every environment of its namespace, what it did and how it failed."""

from __future__ import annotations

from dataclasses import dataclass

from otel_insights.analysis.evidence import Evidence
from otel_insights.store import environments
from otel_insights.store.engine import Database

_ROUNDING = 1e-6  # of sums of weights


def gather(db: Database, cluster_id: str, namespace: str) -> list[Evidence]:
    """Read a cluster's evidence, environments in order of their numbers."""
    failing = _failures(db, cluster_id)
    every_failure = _all_failures(db, namespace)
    evidence = []
    for known in environments.in_namespace(db, namespace):
        here, everywhere = failing.get(known.id, 0.0), every_failure.get(known.id, 0.0)
        worked = max(0.0, known.exposure - everywhere)
        otherwise = everywhere - here if everywhere - here > _ROUNDING else 0.0
        evidence.append(Evidence(known.id, known.key.service, known.configuration, worked, here, otherwise))
    return evidence


def _failures(db: Database, cluster_id: str) -> dict[int, float]:
    """Sum up a cluster's occurrences for each environment."""
    return dict(
        db.execute(
            "SELECT environment_id, sum(weight) FROM failure JOIN fingerprint"
            " ON fingerprint.namespace = failure.namespace AND fingerprint.id = failure.fingerprint"
            " WHERE cluster_id = ? GROUP BY environment_id HAVING sum(weight) > 0",
            [cluster_id],
        ).fetchall()
    )


def _all_failures(db: Database, namespace: str) -> dict[int, float]:
    """Sum up all occurrences for each environment of a namespace."""
    return dict(
        db.execute(
            "SELECT environment_id, sum(weight) FROM failure WHERE namespace = ? GROUP BY environment_id", [namespace]
        ).fetchall()
    )


@dataclass(frozen=True, slots=True)
class Raised:
    """A raise to look at, and where it happened."""

    trace_id: str
    span_id: str
    time_ns: int
    environment: str
    """`service instance`."""


def exemplars(db: Database, cluster_id: str, limit: int) -> list[Raised]:
    """Give raises that have a trace, of different environments, each its latest; the latest first."""
    rows = db.execute(
        "SELECT lower(hex(trace_id)), lower(hex(span_id)), time_ns, service, instance FROM (SELECT exemplar.*,"
        " row_number() OVER (PARTITION BY environment_id ORDER BY time_ns DESC) AS place FROM exemplar"
        " JOIN fingerprint ON fingerprint.namespace = exemplar.namespace AND fingerprint.id = exemplar.fingerprint"
        " WHERE cluster_id = ? AND length(trace_id) > 0) AS raised JOIN environment ON environment.id = environment_id"
        " WHERE place = 1 ORDER BY time_ns DESC LIMIT ?",
        [cluster_id, limit],
    )
    return [Raised(row[0], row[1], row[2], f"{row[3]} {row[4]}".strip()) for row in rows]

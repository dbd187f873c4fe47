"""Evidence as it travels to the worker: configurations as text, read where the time is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from otel_insights.analysis.conditions import Condition
from otel_insights.analysis.explanation import Environment, Explanation


@dataclass(frozen=True, slots=True)
class Evidence:
    """One environment; `configuration` is a JSON object of text values."""

    id: int
    service: str
    configuration: str
    exposure: float
    failures: float
    other_failures: float = 0.0


def explain_evidence(
    evidence: Sequence[Evidence], packages: Sequence[str], rejected: Sequence[Sequence[Condition]] = ()
) -> Explanation:
    """Explain a cluster by the configurations of all environments of its namespace (see `explain`)."""
    from otel_insights.analysis.explain import explain  # noqa: PLC0415 - NumPy is loaded where this runs

    return explain(read_evidence(evidence), packages=packages, rejected=rejected)


def read_evidence(evidence: Sequence[Evidence]) -> list[Environment]:
    """Read the configurations, each text once."""
    read: dict[str, Mapping[str, str]] = {}
    environments = []
    for one in evidence:
        configuration = read.get(one.configuration)
        if configuration is None:
            configuration = read[one.configuration] = json.loads(one.configuration)
        environments.append(
            Environment(one.id, one.service, configuration, one.exposure, one.failures, one.other_failures)
        )
    return environments

"""Explain a group of failures by configuration: what failing environments share and healthy ones do not.

The unit is the environment, never the event. Failing and healthy environments are compared within a service and a
deployment environment, given how much each did; conditions and pairs of conditions are searched; and only what the
same search would find in at most one of twenty meaningless relabellings is called established.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis.choice import Finding, choose
from otel_insights.analysis.columns import build_columns, placement_matrix
from otel_insights.analysis.conditions import Condition
from otel_insights.analysis.distributions import distribution
from otel_insights.analysis.explanation import Environment, Explanation, Reason, Remedy, Silence, Suggestion, Tier
from otel_insights.analysis.exposure import Strata, build_strata
from otel_insights.analysis.likelihood import evidence
from otel_insights.analysis.maxt import null_scores, p_value
from otel_insights.analysis.refinement import refine
from otel_insights.analysis.relabelling import relabel
from otel_insights.analysis.remedy import find_remedy
from otel_insights.analysis.search import NOTHING, Search
from otel_insights.analysis.wording import silence_text, suggestion_text

__all__ = ["Environment", "Explanation", "Reason", "Remedy", "Silence", "Suggestion", "Tier", "explain"]

_LEAST_FAILING = 3  # environments; fewer can only give a lead
_LEAST_RISK_RATIO = 2.0
_MOST_RISK_RATIO = 10_000.0
_WIDE = 0.7  # share of a service's environments that fail, from which the service itself is the matter
_SUGGESTIONS = 3
_ANCHORS = 12  # single conditions that are tried together with every other
_CANDIDATES = 200


def explain(
    environments: Sequence[Environment],
    *,
    packages: Sequence[str] = (),
    alpha: float = 0.05,
    permutations: int = 299,
    seed: int = 0,
    max_environments: int = 2000,
) -> Explanation:
    """Return what explains the failures, best first, or why nothing does.

    `environments` are all of one service.namespace, failing and healthy; `packages` are the names in the stack trace,
    outermost first, `<app>` for the service's own code. Of more than `max_environments` environments that can be
    compared, as many are drawn by `seed`, failing ones first up to half; counts in the answer are of all.
    """
    compared = _comparable(environments)
    failing = [e for e in compared if e.failures > 0]
    healthy = [e for e in compared if e.failures <= 0]
    if len(failing) < 2 or not healthy:  # noqa: PLR2004 - one environment has nothing in common
        return Explanation((), _silence(_poor_reason(failing, healthy), failing, healthy), len(compared), sampled=False)
    rng = np.random.default_rng(seed)
    sample = _sample(failing, healthy, max_environments, rng)
    stack = [p if p == "<app>" else distribution(p) for p in packages]
    one_service = len({e.service for e in environments}) == 1
    findings = _find(sample, stack, alpha, permutations, rng, one_service=one_service)
    fleet = _Fleet.of(failing, healthy)
    suggestions = _suggestions(findings, fleet, stack, alpha)
    established = any(s.tier == "established" for s in suggestions)
    silence = None if established else _silence(_reason(failing, healthy), failing, healthy)
    if silence is not None and silence.reason == "service_wide":
        suggestions = ()
    return Explanation(suggestions, silence, len(sample), sampled=len(sample) < len(compared))


def _comparable(environments: Sequence[Environment]) -> list[Environment]:
    """Environments of the services that fail, seen at work. Services where a stray one fails are left out."""
    seen = [e for e in environments if e.exposure > 0 or e.failures > 0]
    sizes: dict[str, list[int]] = {}
    for e in seen:
        size = sizes.setdefault(e.service, [0, 0])
        size[0] += 1
        size[1] += e.failures > 0
    failing = sum(f for _, f in sizes.values())
    worst = max((f / n for n, f in sizes.values()), default=0.0)
    stray = {s for s, (n, f) in sizes.items() if f == 0 or (f / n < 0.2 * worst and f < 0.1 * failing)}
    return [e for e in seen if e.service not in stray]


def _sample(
    failing: Sequence[Environment], healthy: Sequence[Environment], most: int, rng: np.random.Generator
) -> list[Environment]:
    if len(failing) + len(healthy) <= most:
        return [*failing, *healthy]
    sick = min(len(failing), max(most // 2, most - len(healthy)))
    chosen = [failing[i] for i in np.sort(rng.permutation(len(failing))[:sick])]
    return chosen + [healthy[i] for i in np.sort(rng.permutation(len(healthy))[: most - sick])]


def _find(
    sample: Sequence[Environment],
    stack: Sequence[str],
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
    *,
    one_service: bool,
) -> list[Finding]:
    """Search the sample and put a family-wise p-value on what is found."""
    failing = np.array([e.failures > 0 for e in sample])
    columns = build_columns(
        [e.service for e in sample], [e.configuration for e in sample], stack, one_service=one_service
    )
    strata_within = _strata_of(sample, failing)
    strata = strata_within(np.ones(len(sample), dtype=bool))
    if not columns.hypotheses or not strata.rows:
        return []
    search = Search(columns, strata, failing, anchors=_ANCHORS)
    candidates = search.candidates(_CANDIDATES)
    if candidates[0].score <= NOTHING:
        return []
    null = null_scores(
        search.best_scores,
        lambda count: relabel(strata, failing, count, rng),
        candidates[0].score,
        permutations=permutations,
        alpha=alpha,
    )
    p_values = {c: p_value(c.score, null) for c in candidates}
    best = candidates[0]
    if len(best.columns) == 1 and p_values[best] <= alpha:
        finer = refine(best, columns, failing, strata_within, permutations=permutations, alpha=alpha, rng=rng)
        if finer is not None:
            candidates.insert(0, finer.candidate)
            p_values[finer.candidate] = max(finer.p_value, p_values[best])
    findings = choose(candidates, columns, p_values)
    where = evidence(placement_matrix([e.configuration for e in sample]), strata, failing).max(initial=0.0)
    return [f for f in findings if evidence(f.selected[:, None], strata, failing)[0] > where] or [
        replace(f, p_value=1.0) for f in findings
    ]


def _strata_of(sample: Sequence[Environment], failing: NDArray[np.bool_]) -> Callable[[NDArray[np.bool_]], Strata]:
    services = np.array([e.service for e in sample])
    deployments = np.array([e.configuration.get("deployment.environment.name", "") for e in sample])
    work = _work(sample)

    def within(part: NDArray[np.bool_]) -> Strata:
        return build_strata(services, deployments, failing, work, np.flatnonzero(part))

    return within


def _work(sample: Sequence[Environment]) -> NDArray[np.float64]:
    """Return what each environment did. Failures count only up to the usual: a retry storm is no busy environment."""
    usual = float(np.median([e.exposure for e in sample]))
    return np.array([max(e.exposure, min(e.failures, usual)) for e in sample])


@dataclass(frozen=True, slots=True)
class _Fleet:
    """The configurations compared, each with its service."""

    failing: list[dict[str, str]]
    healthy: list[dict[str, str]]

    @classmethod
    def of(cls, failing: Sequence[Environment], healthy: Sequence[Environment]) -> "_Fleet":
        sides = ([{**e.configuration, "service.name": e.service} for e in side] for side in (failing, healthy))
        return cls(*sides)

    def risk_ratio(self, conditions: Sequence[Condition]) -> float:
        """Mantel and Haenszel's risk ratio over services, at most _MOST_RISK_RATIO."""
        tables: dict[str, list[int]] = {}
        for offset, side in ((0, self.failing), (2, self.healthy)):
            for c in side:
                met = all(condition.holds(c) for condition in conditions)
                tables.setdefault(c["service.name"], [0, 0, 0, 0])[offset + (not met)] += 1
        above = sum(a * (b + d) / (a + b + c + d) for a, b, c, d in tables.values())
        below = sum(b * (a + c) / (a + b + c + d) for a, b, c, d in tables.values())
        return min(above / below, _MOST_RISK_RATIO) if below else (_MOST_RISK_RATIO if above else 1.0)


def _suggestions(
    findings: Sequence[Finding], fleet: _Fleet, stack: Sequence[str], alpha: float
) -> tuple[Suggestion, ...]:
    """Turn findings into suggestions: the established ones, or else leads."""
    made = [_suggestion(finding, fleet, stack, alpha) for finding in findings]
    made = [s for s in made if s.risk_ratio >= _LEAST_RISK_RATIO]
    chosen = [s for s in made if s.tier == "established"] or [s for s in made if s.failing[0] > 1]
    return tuple(_ranked(s, rank) for rank, s in enumerate(chosen[:_SUGGESTIONS], 1))


def _suggestion(finding: Finding, fleet: _Fleet, stack: Sequence[str], alpha: float) -> Suggestion:
    conditions = finding.conditions
    failing, healthy = (
        (sum(all(c.holds(e) for c in conditions) for e in side), len(side)) for side in (fleet.failing, fleet.healthy)
    )
    tier: Tier = "established" if finding.p_value <= alpha and failing[0] >= _LEAST_FAILING else "lead"
    companions = ["package." + name for name in stack]
    remedy = find_remedy(conditions, fleet.failing, fleet.healthy, companions)
    text = suggestion_text(tier, conditions, failing, healthy, remedy, aliases=len(finding.aliases))
    ratio = fleet.risk_ratio(conditions)
    return Suggestion(0, tier, conditions, finding.aliases, failing, healthy, ratio, finding.p_value, text, remedy)


def _ranked(s: Suggestion, rank: int) -> Suggestion:
    return Suggestion(
        rank, s.tier, s.conditions, s.aliases, s.failing, s.healthy, s.risk_ratio, s.p_value, s.text, s.remedy
    )


def _poor_reason(failing: Sequence[Environment], healthy: Sequence[Environment]) -> Reason:
    return "no_healthy_side" if failing and not healthy else "not_enough_environments"


def _reason(failing: Sequence[Environment], healthy: Sequence[Environment]) -> Reason:
    if len(failing) / (len(failing) + len(healthy)) >= _WIDE:
        return "service_wide"
    return "not_enough_environments" if len(failing) < _LEAST_FAILING else "no_difference"


def _silence(reason: Reason, failing: Sequence[Environment], healthy: Sequence[Environment]) -> Silence:
    return Silence(reason, silence_text(reason, len(failing), len(healthy)))

"""Explain a group of failures by configuration: what failing environments share and healthy ones do not.

The unit is the environment, never the event. Failing and healthy environments are compared within a service and a
deployment environment, given how much each did; conditions and pairs of conditions are searched; and only what the
same search would find in at most one of twenty meaningless relabellings is called established.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from otel_insights.analysis.choice import Finding, choose
from otel_insights.analysis.columns import Columns, build_columns, placement_columns
from otel_insights.analysis.comparison import Fleet, comparable, split_by_health
from otel_insights.analysis.conditions import Condition, claim
from otel_insights.analysis.distributions import distribution
from otel_insights.analysis.explanation import Environment, Explanation, Reason, Remedy, Silence, Suggestion, Tier
from otel_insights.analysis.exposure import build_levels, build_strata
from otel_insights.analysis.likelihood import evidence
from otel_insights.analysis.maxt import null_scores
from otel_insights.analysis.remedy import Configurations, find_remedy
from otel_insights.analysis.search import Search
from otel_insights.analysis.wording import LEAST_FAILING, LEVEL, silence_text, suggestion_text

__all__ = ["Environment", "Explanation", "Reason", "Remedy", "Silence", "Suggestion", "Tier", "explain"]

_LEAST_RISK_RATIO = 2.0
_WIDE = 0.7  # share of a service's environments that fail, from which the service itself is the matter
_SUGGESTIONS = 3
_ANCHORS = 12  # single conditions that are tried together with every other
_CANDIDATES = 200
_LEAST_OF_LEAD = 2  # failing environments that meet it


def explain(
    environments: Sequence[Environment],
    *,
    packages: Sequence[str] = (),
    rejected: Sequence[Sequence[Condition]] = (),
    alpha: float = LEVEL,
    permutations: int = 299,
    seed: int = 0,
    max_environments: int = 2000,
) -> Explanation:
    """Return what explains the failures, best first, or why nothing does.

    `environments` are all of one service.namespace, failing and healthy; `packages` are the names in the stack trace,
    outermost first, `<app>` for the service's own code. What `rejected` names, people know to be wrong: it is not said
    again, of whatever versions; an alias of it may be. Of more than `max_environments` environments that can be
    compared, as many are drawn by `seed`, failing ones first up to half; counts in the answer are of all.
    """
    compared = comparable(environments)
    failing = [e for e in compared if e.failures > 0]
    healthy = [e for e in compared if e.failures <= 0]
    if len(failing) < 2 or not healthy:  # noqa: PLR2004 - one environment has nothing in common
        return Explanation((), _silence(_poor_reason(failing, healthy), failing, healthy), len(compared), sampled=False)
    rng = np.random.default_rng(seed)
    sample = _sample(failing, healthy, max_environments, rng)
    stack = [p if p == "<app>" else distribution(p) for p in packages]
    one_service = len({e.service for e in environments}) == 1
    findings = _find(sample, stack, alpha, permutations, rng, one_service=one_service)
    kept = [one for one in (_without(finding, rejected) for finding in findings) if one]
    suggestions = _suggestions(kept, compared, stack, alpha)
    established = any(s.tier == "established" for s in suggestions)
    reason = _reason(failing, healthy)
    if reason == "no_difference" and len(kept) < len(findings):
        reason = "called_wrong"
    silence = None if established else _silence(reason, failing, healthy)
    if silence is not None and silence.reason == "service_wide":
        suggestions = ()
    return Explanation(suggestions, silence, len(sample), sampled=len(sample) < len(compared))


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
    services = np.array([e.service for e in sample])
    deployments = np.array([e.configuration.get("deployment.environment.name", "") for e in sample])
    configurations = [e.configuration for e in sample]
    columns = build_columns([e.service for e in sample], configurations, stack, one_service=one_service)
    strata = build_strata(services, deployments, failing, _work(sample))
    if not columns.hypotheses or not strata.rows:
        return []
    levels = build_levels(services, failing, _work(sample))
    search = Search(columns, levels, failing, anchors=_ANCHORS, least=LEAST_FAILING)
    candidates = search.candidates(_CANDIDATES)
    if not candidates:
        return _unproven(Search(columns, levels, failing, anchors=_ANCHORS, least=_LEAST_OF_LEAD), columns)
    null = null_scores(
        search.best_scores, strata, failing, candidates[0].score, permutations=permutations, alpha=alpha, rng=rng
    )
    findings = choose(candidates, columns, {c: null.p_value(c.score) for c in candidates})
    places, weights = placement_columns(configurations)
    where = (evidence(places, levels, failing) + weights).max(initial=-np.inf)
    return [f for f in findings if f.score > where] or [replace(f, p_value=1.0) for f in findings]


def _unproven(search: Search, columns: Columns) -> list[Finding]:
    """Find what too few failing environments have in common for any test to matter."""
    candidates = search.candidates(_CANDIDATES)
    return choose(candidates, columns, dict.fromkeys(candidates, 1.0)) if candidates else []


def _work(sample: Sequence[Environment]) -> NDArray[np.float64]:
    """Return what each environment did. Failures count only up to the usual: a retry storm is no busy environment."""
    usual = float(np.median([e.exposure for e in sample]))
    return np.array([max(e.exposure, min(e.failures, usual)) for e in sample])


def _without(finding: Finding, rejected: Sequence[Sequence[Condition]]) -> Finding | None:
    """Leave out the ways to say a finding that people know to be wrong; None where no other one is left."""
    wrong = {claim(conditions) for conditions in rejected}
    ways = [way for way in (finding.conditions, *finding.aliases) if claim(way) not in wrong]
    return replace(finding, conditions=ways[0], aliases=tuple(ways[1:])) if ways else None


def _suggestions(
    findings: Sequence[Finding], compared: Sequence[Environment], stack: Sequence[str], alpha: float
) -> tuple[Suggestion, ...]:
    """Turn findings into suggestions: the established ones, or else leads."""
    fleet = Fleet.of(compared)
    well, unwell = split_by_health(compared)
    seen = (Fleet.of(well).healthy, Fleet.of(unwell).healthy)
    made = [_suggestion(finding, fleet, seen, stack, alpha) for finding in findings]
    made = [s for s in made if s.risk_ratio >= _LEAST_RISK_RATIO]
    chosen = [s for s in made if s.tier == "established"] or [s for s in made if s.failing[0] >= _LEAST_OF_LEAD]
    return tuple(_ranked(s, rank) for rank, s in enumerate(chosen[:_SUGGESTIONS], 1))


def _suggestion(
    finding: Finding, fleet: Fleet, seen: tuple[Configurations, Configurations], stack: Sequence[str], alpha: float
) -> Suggestion:
    """Say a finding of a fleet; a remedy must have been `seen` with the well, and not with more of the unwell."""
    conditions = finding.conditions
    met = fleet.row(conditions)
    tier: Tier = "established" if finding.p_value <= alpha and met.failing[0] >= LEAST_FAILING else "lead"
    companions = ["package." + name for name in stack]
    well, unwell = seen
    remedy = find_remedy(conditions, fleet.failing, well, companions, unwell)
    text = suggestion_text(tier, conditions, met.failing, met.healthy, remedy, aliases=len(finding.aliases))
    return Suggestion(
        0, tier, conditions, finding.aliases, met.failing, met.healthy, met.risk_ratio, finding.p_value, text, remedy
    )


def _ranked(s: Suggestion, rank: int) -> Suggestion:
    return Suggestion(
        rank, s.tier, s.conditions, s.aliases, s.failing, s.healthy, s.risk_ratio, s.p_value, s.text, s.remedy
    )


def _poor_reason(failing: Sequence[Environment], healthy: Sequence[Environment]) -> Reason:
    return "no_healthy_side" if failing and not healthy else "not_enough_environments"


def _reason(failing: Sequence[Environment], healthy: Sequence[Environment]) -> Reason:
    if len(failing) / (len(failing) + len(healthy)) >= _WIDE:
        return "service_wide"
    return "not_enough_environments" if len(failing) < LEAST_FAILING else "no_difference"


def _silence(reason: Reason, failing: Sequence[Environment], healthy: Sequence[Environment]) -> Silence:
    return Silence(reason, silence_text(reason, len(failing), len(healthy)))

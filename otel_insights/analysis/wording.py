"""What is said to people: one or two sentences that they can act on."""

from collections.abc import Sequence

from otel_insights.analysis.conditions import Condition, joined, people_name
from otel_insights.analysis.explanation import Reason, Remedy, Tier
from otel_insights.analysis.versions import is_versioned

LEAST_FAILING = 3
"""Failing environments that an established explanation takes; fewer can only give a lead."""
LEVEL = 0.05
"""The family-wise error that an established explanation may have."""


def suggestion_text(
    tier: Tier,
    conditions: Sequence[Condition],
    failing: tuple[int, int],
    healthy: tuple[int, int],
    remedy: Remedy | None,
    *,
    aliases: int,
) -> str:
    """Return the sentences of a suggestion: how many, which, what else it could be, what to try.

    >>> absent = (Condition("package.sniffio", "absent"), Condition("package.starlette", "<", "0.37.2"))
    >>> print(suggestion_text("established", absent, (9, 9), (0, 12), None, aliases=0))
    9 of the 9 failing environments run starlette < 0.37.2 with no sniffio; none of the 12 healthy ones does. \
No single change can be recommended from what was seen.
    """
    met, all_failing = failing
    well, all_healthy = healthy
    sick = f"{met} of the {_count(all_failing, 'failing environment')} {_run(met, conditions)} {joined(conditions)}"
    parts = [f"{sick}; {well or 'none'} of the {_count(all_healthy, 'healthy one')} {_does(well)}."]
    if tier == "lead":
        parts.insert(0, "Unproven:")
    if aliases:
        parts.append(f"{_count(aliases, 'other condition')} {_selects(aliases)} the same environments.")
    parts.append(_remedy_text(conditions, remedy))
    return " ".join(parts)


def _remedy_text(conditions: Sequence[Condition], remedy: Remedy | None) -> str:
    if remedy is None:
        return "No single change can be recommended from what was seen."
    others = [c for c in conditions if c.key != remedy.key]
    beside = f" with {joined(others)}" if others else ""
    change = f"without {people_name(remedy.key)}"
    if remedy.op != "absent":
        change = f"with {Condition(remedy.key, remedy.op, remedy.value).text()}"
    are = "environment is" if remedy.healthy_environments == 1 else "environments are"
    return f"{remedy.healthy_environments} {are} healthy{beside or ''}{' and' if beside else ''} {change}: try that."


def missing_evidence(
    conditions: Sequence[Condition], failing: int, p_value: float, aliases: Sequence[Sequence[Condition]]
) -> list[str]:
    """Return what would have to be seen before a lead can be established, or told from its aliases.

    `failing` environments meet the conditions. A lead without a sentence here would be no lead.

    >>> missing_evidence([Condition("package.numpy", ">=", "2.0")], 2, 0.21, [])[0]
    '2 failing environments meet it; an established explanation takes at least 3.'
    """
    out = []
    if failing < LEAST_FAILING:
        met = f"{_count(failing, 'failing environment')} {'meets' if failing == 1 else 'meet'} it"
        out.append(f"{met}; an established explanation takes at least {LEAST_FAILING}.")
    elif p_value >= 1:
        where = "Chance, or the place where they ran (cluster, region, host), explains as much"
        out.append(f"{where}: failing environments in other places, or healthy ones in the same, would tell.")
    elif p_value > LEVEL:
        chance = f"Of fleets without any cause, {p_value:.0%} show as much by chance; at most {LEVEL:.0%} may"
        out.append(f"{chance}: more failing or healthy environments of the same service would tell.")
    if aliases:
        shown = ", ".join(joined(alias) for alias in aliases[:3])
        apart = f"environments with {joined(conditions)} but not {shown}, or the other way round"
        out.append(f"Nothing tells it from {_count(len(aliases), 'other condition')}: {apart}, would.")
    return out


def silence_text(reason: Reason, failing: int, healthy: int) -> str:
    """Return why nothing is established, and what would change that."""
    sides = f"{_count(failing, 'failing')} and {_count(healthy, 'healthy')} environments"
    return {
        "not_enough_environments": f"Too few environments to tell ({sides}); more of either side would help.",
        "no_healthy_side": f"Every environment of the service fails ({failing}): there is nothing to compare with.",
        "no_difference": f"No configuration tells {sides} apart better than chance would.",
        "service_wide": f"The service fails almost everywhere ({sides}), whatever its configuration.",
        "called_wrong": f"The configuration that best tells {sides} apart was called wrong by feedback.",
    }[reason]


def _count(number: int, noun: str) -> str:
    plural = noun if number == 1 or noun in ("failing", "healthy") else noun + "s"
    return f"{number} {plural}"


def _run(number: int, conditions: Sequence[Condition]) -> str:
    """Say `run` of versions, `have` of what is not there and of all else."""
    if any(is_versioned(c.key) and c.op != "absent" for c in conditions):
        return "runs" if number == 1 else "run"
    return "has" if number == 1 else "have"


def _does(number: int) -> str:
    return "do" if number > 1 else "does"


def _selects(number: int) -> str:
    return "selects" if number == 1 else "select"

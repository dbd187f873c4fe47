"""What is said to people: one or two sentences that they can act on."""

from collections.abc import Sequence

from otel_insights.analysis.conditions import Condition, joined, people_name
from otel_insights.analysis.explanation import Reason, Remedy, Tier


def suggestion_text(
    tier: Tier,
    conditions: Sequence[Condition],
    failing: tuple[int, int],
    healthy: tuple[int, int],
    remedy: Remedy | None,
    *,
    aliases: int,
) -> str:
    """Return the sentences of a suggestion: how many, which, what else it could be, what to try."""
    met, all_failing = failing
    well, all_healthy = healthy
    sick = f"{met} of the {_count(all_failing, 'failing environment')} {_run(met)} {joined(conditions)}"
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


def silence_text(reason: Reason, failing: int, healthy: int) -> str:
    """Return why nothing is established, and what would change that."""
    sides = f"{_count(failing, 'failing')} and {_count(healthy, 'healthy')} environments"
    return {
        "not_enough_environments": f"Too few environments to tell ({sides}); more of either side would help.",
        "no_healthy_side": f"Every environment of the service fails ({failing}): there is nothing to compare with.",
        "no_difference": f"No configuration tells {sides} apart better than chance would.",
        "service_wide": f"The service fails almost everywhere ({sides}), whatever its configuration.",
    }[reason]


def _count(number: int, noun: str) -> str:
    plural = noun if number == 1 or noun in ("failing", "healthy") else noun + "s"
    return f"{number} {plural}"


def _run(number: int) -> str:
    return "runs" if number == 1 else "run"


def _does(number: int) -> str:
    return "do" if number > 1 else "does"


def _selects(number: int) -> str:
    return "selects" if number == 1 else "select"

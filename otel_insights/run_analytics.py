"""How runs went: by agent, over time, what became of their items, how long they took, and by kind of job."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from otel_insights.analysis.comparison import wilson
from otel_insights.report import rfc3339
from otel_insights.store.run_outcomes import Outcome

MOST_RUNS: Final = 10_000
"""Runs that are looked at: the latest that meet the filter."""
MOST_ROWS: Final = 20
"""Agents, or kinds of job; the others are one row."""
OTHERS: Final = "(others)"
_HOUR_NS: Final = 3600 * 10**9
_STEPS_NS: Final = tuple(hours * _HOUR_NS for hours in (1, 6, 24, 7 * 24, 28 * 24, 364 * 24))
_MOST_BARS: Final = 60
_UPPER_MS: Final = tuple(digit * 10**power for power in range(10) for digit in (1, 2, 5))
RESULTS: Final = ("succeeded", "failed", "skipped")


@dataclass(frozen=True, slots=True)
class Group:
    """Runs of one agent, or of one kind of job. Those that still run count as `runs` alone."""

    name: str
    runs: int
    ended: int
    succeeded: int
    interval: tuple[float, float]
    """Of the share that succeeded, 95 % (Wilson)."""
    mean_duration_ms: int | None
    items: Mapping[str, int]
    """By what became of them."""

    @property
    def share(self) -> float | None:
        """Tell the share that succeeded of those that ended."""
        return self.succeeded / self.ended if self.ended else None


@dataclass(frozen=True, slots=True)
class Period:
    """Runs that began in a stretch of time."""

    begin_ns: int
    succeeded: int
    failed: int
    """Whatever ended otherwise: failed, partial, timeout, cancelled."""
    running: int

    @property
    def runs(self) -> int:
        """Count them all."""
        return self.succeeded + self.failed + self.running


@dataclass(frozen=True, slots=True)
class Duration:
    """Runs that took from `from_ms` to less than `to_ms`; the longest have no end."""

    from_ms: int
    to_ms: int | None
    runs: int


@dataclass(frozen=True, slots=True)
class Analytics:
    """How runs went. What is empty has no runs to tell of."""

    runs: int
    by_agent: Sequence[Group]
    by_job_type: Sequence[Group]
    timeline: Sequence[Period]
    each_ns: int
    """How long a period of the timeline is."""
    durations: Sequence[Duration]


def analytics(outcomes: Sequence[Outcome]) -> Analytics:
    """Sum runs up."""
    each_ns = _step(outcomes)
    return Analytics(
        len(outcomes),
        _groups(outcomes, lambda one: one.agent_name),
        _groups(outcomes, lambda one: one.job_type),
        _timeline(outcomes, each_ns),
        each_ns,
        _durations(one.duration_ms for one in outcomes),
    )


def shown(found: Analytics) -> dict[str, Any]:
    """Write it for a program to read."""
    return {
        "runs": found.runs,
        "by_agent": [_shown_group(one) for one in found.by_agent],
        "by_job_type": [_shown_group(one) for one in found.by_job_type],
        "period_seconds": found.each_ns // 10**9,
        "timeline": [
            {"begin": rfc3339(one.begin_ns), "succeeded": one.succeeded, "failed": one.failed, "running": one.running}
            for one in found.timeline
        ],
        "durations": [{"from_ms": one.from_ms, "to_ms": one.to_ms, "runs": one.runs} for one in found.durations],
    }


def _shown_group(one: Group) -> dict[str, Any]:
    return {
        "name": one.name,
        "runs": one.runs,
        "ended": one.ended,
        "succeeded": one.succeeded,
        "success_share": None if one.share is None else round(one.share, 4),
        "success_interval": [round(bound, 4) for bound in one.interval],
        "mean_duration_ms": one.mean_duration_ms,
        **{f"items_{result}": many for result, many in one.items.items()},
    }


def _groups(outcomes: Iterable[Outcome], name_of: Callable[[Outcome], str]) -> list[Group]:
    """Group by a name, the most frequent first."""
    groups: defaultdict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        groups[name_of(one)].append(one)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    if len(ordered) > MOST_ROWS:
        others = [one for _, many in ordered[MOST_ROWS - 1 :] for one in many]
        ordered = [*ordered[: MOST_ROWS - 1], (OTHERS, others)]
    return [_group(name, many) for name, many in ordered]


def _group(name: str, many: Sequence[Outcome]) -> Group:
    ended = [one for one in many if one.status != "running"]
    succeeded = sum(one.status == "success" for one in ended)
    times = [one.duration_ms for one in many if one.duration_ms is not None]
    return Group(
        name,
        len(many),
        len(ended),
        succeeded,
        wilson(succeeded, len(ended)),
        round(sum(times) / len(times)) if times else None,
        {result: sum(getattr(one, f"items_{result}") for one in many) for result in RESULTS},
    )


def _step(outcomes: Sequence[Outcome]) -> int:
    begins = [one.begun_ns for one in outcomes]
    long = max(begins, default=0) - min(begins, default=0)
    return next((step for step in _STEPS_NS if long / step < _MOST_BARS - 1), _STEPS_NS[-1])


def _timeline(outcomes: Sequence[Outcome], each_ns: int) -> list[Period]:
    """Count by when runs began, up to the last; periods before the last `_MOST_BARS` are left out."""
    counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for one in outcomes:
        kind = {"success": "succeeded", "running": "running"}.get(one.status, "failed")
        counts[one.begun_ns // each_ns][kind] += 1
    if not counts:
        return []
    last = max(counts)
    first = max(min(counts), last - _MOST_BARS + 1)
    found = ((place, counts.get(place, Counter())) for place in range(first, last + 1))
    return [Period(place * each_ns, of["succeeded"], of["failed"], of["running"]) for place, of in found]


def _durations(times: Iterable[int | None]) -> list[Duration]:
    """Count by how long runs took: from 1 to 2 to 5 to 10 ms, and so on, without empty edges.

    >>> [(one.from_ms, one.to_ms, one.runs) for one in _durations([3, None, 12, 4])]
    [(2, 5, 2), (5, 10, 0), (10, 20, 1)]
    """
    edges = (0, *_UPPER_MS)
    counts: Counter[int] = Counter()
    for time_ms in times:
        if time_ms is not None:
            counts[max(place for place, edge in enumerate(edges) if edge <= time_ms)] += 1
    if not counts:
        return []
    upper = (*_UPPER_MS, None)
    return [Duration(edges[place], upper[place], counts[place]) for place in range(min(counts), max(counts) + 1)]

"""The table behind a suggestion: how many of either side meet its conditions, and how sure those shares are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from otel_insights.analysis.conditions import Condition
from otel_insights.analysis.explanation import Environment

_BEARABLE = 0.05
MOST_RISK_RATIO = 10_000.0
"""Where a risk ratio ends: none failed without the conditions."""


def comparable(environments: Sequence[Environment]) -> list[Environment]:
    """Give the environments, seen at work, of the services in which some fail: who never fails tells nothing."""
    seen = [e for e in environments if e.exposure > 0 or e.failures > 0]
    concerned = {e.service for e in seen if e.failures > 0}
    return [e for e in seen if e.service in concerned]


def split_by_health(compared: Sequence[Environment]) -> tuple[list[Environment], list[Environment]]:
    """Divide the environments where the cluster does not occur: those that do well, and those that fail otherwise.

    What counts is the share of their work that fails otherwise. Bearable is twice what is usual where the cluster
    occurs, for errors of no concern are found in most fleets; and what is at most a twentieth, and half as frequent as
    the cluster where it occurs: nobody trades an error for another one.
    """
    with_it = [e for e in compared if e.failures > 0]
    usual = median([_share(e, e.other_failures) for e in with_it] or [0.0])
    own = median([_share(e, e.failures) for e in with_it] or [0.0])
    bearable = max(2 * usual, min(own / 2, _BEARABLE))
    sides: tuple[list[Environment], list[Environment]] = ([], [])
    for e in compared:
        if e.failures <= 0:
            sides[_share(e, e.other_failures) > bearable].append(e)
    return sides


def _share(environment: Environment, failures: float) -> float:
    """Return failures as a share of the environment's work."""
    work = environment.exposure + environment.failures + environment.other_failures
    return failures / work if work > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """What conditions, all of which must hold, select.

    `failing` and `healthy` are (how many meet them, how many there are); the intervals are Wilson's, of the share, at
    95 %.
    """

    conditions: tuple[Condition, ...]
    failing: tuple[int, int]
    healthy: tuple[int, int]
    failing_interval: tuple[float, float]
    healthy_interval: tuple[float, float]
    risk_ratio: float


@dataclass(frozen=True, slots=True)
class Fleet:
    """The configurations compared, each with its service."""

    failing: Sequence[Mapping[str, str]]
    healthy: Sequence[Mapping[str, str]]

    @classmethod
    def of(cls, environments: Sequence[Environment]) -> Fleet:
        """Take the sides of environments that can be compared."""
        sides: tuple[list[Mapping[str, str]], list[Mapping[str, str]]] = ([], [])
        for e in environments:
            sides[e.failures <= 0].append({**e.configuration, "service.name": e.service})
        return cls(*sides)

    def table(self, conditions: Sequence[Condition]) -> list[Row]:
        """Give a row for each condition alone, and where there are several, one for all together."""
        alone = [self.row((one,)) for one in conditions]
        return [*alone, self.row(conditions)] if len(alone) > 1 else alone

    def row(self, conditions: Sequence[Condition]) -> Row:
        """Count who meets all the conditions."""
        failing, healthy = (
            (sum(all(c.holds(e) for c in conditions) for e in side), len(side)) for side in (self.failing, self.healthy)
        )
        ratio = self.risk_ratio(conditions)
        return Row(tuple(conditions), failing, healthy, wilson(*failing), wilson(*healthy), ratio)

    def risk_ratio(self, conditions: Sequence[Condition]) -> float:
        """Mantel and Haenszel's risk ratio over services, at most MOST_RISK_RATIO."""
        tables: dict[str, list[int]] = {}
        for offset, side in ((0, self.failing), (2, self.healthy)):
            for c in side:
                met = all(condition.holds(c) for condition in conditions)
                tables.setdefault(c["service.name"], [0, 0, 0, 0])[offset + (not met)] += 1
        above = sum(a * (b + d) / (a + b + c + d) for a, b, c, d in tables.values())
        below = sum(b * (a + c) / (a + b + c + d) for a, b, c, d in tables.values())
        return min(above / below, MOST_RISK_RATIO) if below else (MOST_RISK_RATIO if above else 1.0)


_Z = 1.959964


def wilson(met: int, total: int) -> tuple[float, float]:
    """Give Wilson's score interval of a share at 95 % (Wilson 1927, JASA 22:209). (0, 1) of nothing.

    >>> [round(bound, 3) for bound in wilson(17, 17)]
    [0.816, 1.0]
    >>> [round(bound, 3) for bound in wilson(0, 212)]
    [0.0, 0.018]
    """
    if not total:
        return 0.0, 1.0
    share, square = met / total, _Z * _Z
    middle = share + square / (2 * total)
    spread = _Z * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    scale = 1 + square / total
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)

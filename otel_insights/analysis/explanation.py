"""What goes into an explanation and what comes out of it: plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from otel_insights.analysis.conditions import Condition

Tier = Literal["established", "lead"]
Reason = Literal["not_enough_environments", "no_healthy_side", "no_difference", "service_wide", "called_wrong"]


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment: what it is made of, how much it did, how often the cluster occurred in it.

    `exposure` is what it sent besides its failures (requests, spans, records: any one unit for all environments);
    `failures` counts occurrences, each with its weight. Package names in the keys are normalised. `other_failures`
    counts those of other clusters: an environment can be healthy here, and yet be no proof that a change helps.
    """

    id: int
    service: str
    configuration: Mapping[str, str]
    exposure: float
    failures: float
    other_failures: float = 0.0


@dataclass(frozen=True, slots=True)
class Remedy:
    """One changed value with which environments that meet the other conditions were seen healthy, in every respect."""

    key: str
    op: str
    value: str
    healthy_environments: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Conditions (joined by AND) that explain the failing environments.

    `failing` and `healthy` are (how many meet the conditions, how many there are) among the environments compared.
    `risk_ratio` compares failing with and without the conditions, within services; it ends at 10,000. `p_value` is
    family-wise: over all conditions that were tried; it is 1 where the place (cluster, region, ...) explains as
    much, or no condition is met by the three failing environments that a test takes.
    `aliases` select exactly the same compared environments.
    """

    rank: int
    tier: Tier
    conditions: tuple[Condition, ...]
    aliases: tuple[tuple[Condition, ...], ...]
    failing: tuple[int, int]
    healthy: tuple[int, int]
    risk_ratio: float
    p_value: float
    text: str
    remedy: Remedy | None


@dataclass(frozen=True, slots=True)
class Silence:
    """Why there is nothing established to say."""

    reason: Reason
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer for one cluster. `silence` is there exactly when no suggestion is established.

    `environments` were compared; `sampled` tells that they are a part of a larger fleet.
    """

    suggestions: tuple[Suggestion, ...]
    silence: Silence | None
    environments: int
    sampled: bool

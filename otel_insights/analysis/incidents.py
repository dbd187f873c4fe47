"""Incidents: anomalies that began together, with what else began about then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

SAME_SERVICE_NS: Final = 30 * 60 * 10**9
"""Of one service: how far apart two beginnings of one incident may lie."""
OTHER_SERVICE_NS: Final = 2 * 60 * 10**9
"""Of two services of a namespace: chance brings such beginnings together far more often, so they have to be near."""
BEFORE_NS: Final = 30 * 60 * 10**9
"""How long before an incident a change is looked for."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong with a service, from when on, and until when (None: it still does)."""

    id: str
    namespace: str
    service: str
    began_ns: int
    ended_ns: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """Something that came to be at a time in a service: a version, a cluster of exceptions, an anomaly elsewhere."""

    id: str
    namespace: str
    service: str
    time_ns: int


_Change = TypeVar("_Change", bound=Change)


@dataclass(frozen=True, slots=True)
class Incident:
    """Troubles that began together, the first of them first: its id is the incident's, and stays so as others come."""

    troubles: tuple[Trouble, ...]

    @property
    def id(self) -> str:
        """The id of the first trouble."""
        return self.troubles[0].id

    @property
    def namespace(self) -> str:
        """The namespace of all of them."""
        return self.troubles[0].namespace

    @property
    def services(self) -> tuple[str, ...]:
        """The services, in the order in which they were affected."""
        return tuple(dict.fromkeys(one.service for one in self.troubles))

    @property
    def began_ns(self) -> int:
        """When the first began."""
        return self.troubles[0].began_ns

    @property
    def last_began_ns(self) -> int:
        """When the last one began."""
        return self.troubles[-1].began_ns

    @property
    def ended_ns(self) -> int | None:
        """When all had ended; None while one goes on."""
        ends = [one.ended_ns for one in self.troubles if one.ended_ns is not None]
        return max(ends) if len(ends) == len(self.troubles) else None


def incidents(troubles: Sequence[Trouble]) -> list[Incident]:
    """Join what began together, in the order of their beginnings.

    Together means: in one service within `SAME_SERVICE_NS` of another one's beginning, in two services of a namespace
    within `OTHER_SERVICE_NS`. Ends play no part: what goes on for days does not draw in all that comes meanwhile.

    >>> minute = 60 * 10**9
    >>> found = incidents([
    ...     Trouble("a", "", "shop", 0, None),
    ...     Trouble("b", "", "cart", 1 * minute, None),
    ...     Trouble("c", "", "pay", 9 * minute, None),
    ...     Trouble("d", "", "shop", 20 * minute, None),
    ... ])
    >>> [[one.id for one in each.troubles] for each in found]
    [['a', 'b', 'd'], ['c']]
    """
    groups: list[list[Trouble]] = []
    of_service: dict[tuple[str, str], int] = {}
    of_namespace: dict[str, int] = {}
    for one in sorted(troubles, key=lambda each: (each.began_ns, each.id)):
        mine = of_service.get((one.namespace, one.service))
        near = of_namespace.get(one.namespace)
        if mine is not None and one.began_ns - _last_of(groups[mine], one.service) <= SAME_SERVICE_NS:
            place = mine
        elif near is not None and one.began_ns - groups[near][-1].began_ns <= OTHER_SERVICE_NS:
            place = near
        else:
            place = len(groups)
            groups.append([])
        groups[place].append(one)
        of_service[one.namespace, one.service] = of_namespace[one.namespace] = place
    return [Incident(tuple(group)) for group in groups]


def _last_of(group: Sequence[Trouble], service: str) -> int:
    return next(one.began_ns for one in reversed(group) if one.service == service)


def about(incident: Incident, changes: Sequence[_Change], *, after_ns: int = OTHER_SERVICE_NS) -> list[_Change]:
    """Choose changes in an incident's services: from `BEFORE_NS` before it until `after_ns` after its last beginning.

    In the order of their times, those of one time as they were given. That they came before is no proof of a cause.
    """
    found = [
        one
        for one in changes
        if one.namespace == incident.namespace
        and one.service in incident.services
        and incident.began_ns - BEFORE_NS <= one.time_ns <= incident.last_began_ns + after_ns
    ]
    return sorted(found, key=lambda each: each.time_ns)

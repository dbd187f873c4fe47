"""The life of a cluster: new, ongoing, escalating, regressed, resolved, archived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from otel_insights.analysis.spikes import HOUR_NS, Spike, is_calm, spike

State = Literal["new", "ongoing", "escalating", "regressed", "resolved", "archived"]

RECENT_NS: Final = 7 * 24 * HOUR_NS
"""How long a cluster is called new, or regressed."""
LONGEST_SPIKE_NS: Final = 24 * HOUR_NS
"""After that, the new rate is what is usual."""


@dataclass(frozen=True, slots=True)
class Life:
    """Where a cluster stands. Times are nanoseconds since the epoch.

    `until_ns` is when an archived one comes back; `resolved_by` is `person` or `quiet`, and empty where nobody did.
    """

    state: State
    since_ns: int
    until_ns: int | None = None
    resolved_by: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a cluster's occurrences.

    `first_ns` and `last_ns` are the events' own times, `heard_ns` is when the last one arrived. `hours` counts
    occurrences by whole hours since the epoch.
    """

    first_ns: int
    last_ns: int
    heard_ns: int
    hours: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Step:
    """A life after a look at it, and the spike that made it escalate, if one did."""

    life: Life
    spike: Spike | None = None


def step(life: Life, seen: Seen, now_ns: int, quiet_ns: int) -> Step:
    """Tell where a cluster stands now; the same life if nothing has changed.

    What happened is judged by the events' own times, so that history which arrives late, or all at once, brings
    nothing back and escalates nothing: an event from before a cluster was resolved does not make it regressed, and only
    the current and the last hour can spike. Silence counts from the last arrival; `quiet_ns` of it resolve, 0 never.

    >>> seen = Seen(first_ns=1, last_ns=5, heard_ns=5, hours={0: 1.0})
    >>> step(Life("resolved", since_ns=4, resolved_by="person"), seen, now_ns=6, quiet_ns=0).life.state
    'regressed'
    >>> step(Life("resolved", since_ns=5, resolved_by="person"), seen, now_ns=6, quiet_ns=0).life.state
    'resolved'
    """
    if life.state == "archived":
        if life.until_ns is not None and now_ns < life.until_ns:
            return Step(life)
        life = Life("ongoing", life.until_ns or now_ns)
    if life.state == "resolved":
        if seen.last_ns <= life.since_ns:
            return Step(life)
        return Step(Life("regressed", seen.last_ns, resolved_by=life.resolved_by))
    if quiet_ns and now_ns - max(seen.last_ns, seen.heard_ns) > quiet_ns:
        return Step(Life("resolved", now_ns, resolved_by="quiet"))
    return _awake(life, seen, now_ns)


def _awake(life: Life, seen: Seen, now_ns: int) -> Step:
    this_hour = now_ns // HOUR_NS
    first_hour = seen.first_ns // HOUR_NS
    if life.state == "escalating":
        over = now_ns - life.since_ns > LONGEST_SPIKE_NS
        if over or is_calm(seen.hours, first_hour, life.since_ns // HOUR_NS, this_hour):
            return Step(Life("ongoing", now_ns))
        return Step(life)
    for hour in (this_hour - 1, this_hour):
        # what was settled by an earlier spike, or by a person, in this very hour is not told again
        if hour > life.since_ns // HOUR_NS and (found := spike(seen.hours, first_hour, hour)):
            return Step(Life("escalating", now_ns), found)
    long_ago = now_ns - life.since_ns > RECENT_NS
    if life.state == "new" and (long_ago or seen.last_ns - seen.first_ns > RECENT_NS):
        return Step(replace(life, state="ongoing"))
    if life.state == "regressed" and long_ago:
        return Step(Life("ongoing", now_ns))
    return Step(life)

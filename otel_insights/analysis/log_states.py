"""Where a log template stands: new, ongoing, surging or vanished, by the hours in which it was logged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from otel_insights.analysis.spikes import spike

NEW, ONGOING, SURGING, VANISHED = "new", "ongoing", "surging", "vanished"

_DAY: Final = 24  # hours
LEAST_HOURS: Final = 12
LEAST_GAP: Final = 3
"""Of a template that has vanished: hours in which it was logged, and hours since."""
_UNLIKELY: Final = math.log(1e-4)


def state(hours: Mapping[int, float], first_hour: int, service_first_hour: int, service_last_hour: int) -> str:
    """Tell the state of a template from its counts by the hour, and its service's first and last hour.

    Surging: the last hour, or the one before, is a spike (`spikes.spike`). New: first logged within the last day, by a
    service that was heard of for a day before that. Vanished: logged in at least 12 hours, and since then not for so
    long that hours without it would have come together by chance once in 10,000 times, were they spread as before.

    >>> steady = {hour: 5.0 for hour in range(100)}
    >>> state(steady, 0, 0, 99), state(steady, 0, 0, 110)
    ('ongoing', 'vanished')
    >>> state({100: 3.0}, 100, 0, 101), state({100: 3.0}, 100, 90, 101)
    ('new', 'ongoing')
    """
    if any(spike(hours, first_hour, hour) for hour in (service_last_hour, service_last_hour - 1)):
        return SURGING
    if first_hour in new_hours(service_first_hour, service_last_hour):
        return NEW
    return VANISHED if _has_vanished(hours, service_last_hour) else ONGOING


def new_hours(service_first_hour: int, service_last_hour: int) -> range:
    """Give the hours in which a template of a service was logged first that is new; none while the service is.

    >>> new_hours(0, 100), len(new_hours(0, 10))
    (range(77, 101), 0)
    """
    return range(max(service_first_hour + _DAY, service_last_hour - _DAY + 1), service_last_hour + 1)


def _has_vanished(hours: Mapping[int, float], last_hour: int) -> bool:
    logged = sorted(hour for hour, count in hours.items() if count > 0)
    if len(logged) < LEAST_HOURS:
        return False
    gap = last_hour - logged[-1]
    span = logged[-1] - logged[0] + 1
    # one hour without more than there were: certainty is for nobody
    without = (span - len(logged) + 1) / (span + 2)
    return gap >= LEAST_GAP and gap * math.log(without) < _UNLIKELY

"""Sentences of which summaries are made: what is counted, by whom it was said, when most of it came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from otel_insights.report import rfc3339
from otel_insights.store.templates import HOUR_NS

_NAMED: Final = 3


def counted(total: float, one: str, many: str, text: str) -> str:
    """Say how often something was said.

    >>> counted(1, "record says", "records say", "lost at:"), counted(1200, "record says", "records say", "why?")
    ('1 record says: lost at.', '1,200 records say: why?')
    """
    sentence = f"{total:,.0f} {one if total == 1 else many}: {text.rstrip(' :')}"
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."


def by_service(ranked: Mapping[str, float]) -> str:
    """Name services with their counts, the first three.

    >>> by_service({"cart": 4, "": 2, "pay": 1, "till": 1})
    'cart (4), an unnamed service (2), pay (1) and 1 more'
    """
    named = [f"{service_name(name)} ({count:,.0f})" for name, count in list(ranked.items())[:_NAMED]]
    others = f" and {len(ranked) - _NAMED} more" if len(ranked) > _NAMED else ""
    return ", ".join(named) + others


def service_name(name: str) -> str:
    """Name a service that may have no name."""
    return name or "an unnamed service"


def ranked(counts: Mapping[str, float]) -> dict[str, float]:
    """Order by count, the greatest first."""
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def busiest(hours: Mapping[int, float]) -> list[str]:
    """Say in which hour (since the epoch) most came; nothing where one hour is all of it.

    >>> busiest({10: 3, 11: 40}), busiest({10: 3})
    (['40 came within the hour from 1970-01-01 11:00 on.'], [])
    """
    if len(hours) < 2:  # noqa: PLR2004 - one hour is all of it
        return []
    hour = max(hours, key=lambda one: (hours[one], one))
    return [f"{hours[hour]:,.0f} came within the hour from {minute(hour * HOUR_NS)} on."]


def minute(time_ns: int) -> str:
    """Write a time to the minute.

    >>> minute(0)
    '1970-01-01 00:00'
    """
    return rfc3339(time_ns)[:16].replace("T", " ")


def rose_with(others: Iterable[tuple[str, float, float]], what: str) -> list[str]:
    """Say what rose in the same hours: titles with how often, and how often was usual.

    >>> rose_with([("KeyError: 'x'", 20, 1)], "cluster")
    ["It rose with the cluster KeyError: 'x' (20 in its hours, usual 1)."]
    """
    return [
        f"It rose with the {what} {title} ({count:g} in its hours, usual {usual:g})." for title, count, usual in others
    ]

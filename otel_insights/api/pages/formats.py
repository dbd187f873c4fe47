"""How values are written for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from otel_insights.analysis.comparison import MOST_RISK_RATIO
from otel_insights.analysis.conditions import Condition, joined, people_name
from otel_insights.api.pages.drawing import bars
from otel_insights.report import rfc3339

_STEPS = ((1, "s"), (60, "min"), (3600, "h"), (86_400, "d"))


def count(value: float) -> str:
    """Write a number with its thousands apart.

    >>> count(1234567.0), count(0.25)
    ('1,234,567', '0.25')
    """
    return f"{int(value):,}" if value == int(value) else f"{value:,.3g}"


def percent(share: float) -> str:
    """Write a share in per cent.

    >>> percent(0.8157), percent(0.004)
    ('82 %', '0.4 %')
    """
    return f"{share * 100:.1f} %" if 0 < share < 0.01 else f"{share * 100:.0f} %"  # noqa: PLR2004 - one per cent


def ago(seconds: float) -> str:
    """Write how long ago something was, roughly.

    >>> ago(7300), ago(0.2), ago(-5)
    ('2 h ago', 'now', 'now')
    """
    if seconds < 1:
        return "now"
    return f"{lasting(seconds)} ago"


def lasting(seconds: float) -> str:
    """Write how long something lasts, roughly.

    >>> lasting(7300), lasting(0.2)
    ('2 h', '0 s')
    """
    size, unit = next((step for step in reversed(_STEPS) if seconds >= step[0]), _STEPS[0])
    return f"{int(seconds // size)} {unit}"


def since(now_ns: int, time_ns: int) -> str:
    """Write how long ago a time was.

    >>> since(7_300 * 10**9, 0)
    '2 h ago'
    """
    return ago((now_ns - time_ns) / 1e9)


def minute(text: str) -> str:
    """Write a time (RFC 3339, UTC) to the minute.

    >>> minute("2026-01-02T03:04:05.678900Z")
    '2026-01-02 03:04'
    """
    return text[:16].replace("T", " ")


def second(text: str) -> str:
    """Write a time (RFC 3339, UTC) to the second.

    >>> second("2026-01-02T03:04:05.678900Z")
    '2026-01-02 03:04:05'
    """
    return text[:19].replace("T", " ")


def condition(one: Mapping[str, str]) -> str:
    """Write a condition as people say it."""
    return Condition(one["key"], one["op"], one["value"]).text()


def conditions(many: Sequence[Mapping[str, str]]) -> str:
    """Write conditions that hold together."""
    return joined([Condition(one["key"], one["op"], one["value"]) for one in many])


def held(many: Sequence[Condition]) -> str:
    """Write conditions that hold together."""
    return joined(many)


def ratio(value: float) -> str:
    """Write a risk ratio, which has no end where none failed without the conditions.

    >>> ratio(12.34), ratio(10_000.0)
    ('12.3', 'infinite')
    """
    return f"{value:,.3g}" if value < MOST_RISK_RATIO else "infinite"


def words(name: str) -> str:
    """Write a name of ours as words.

    >>> words("not_enough_environments")
    'not enough environments'
    """
    return name.replace("_", " ")


def title(text: str) -> str:
    """Write what may be empty so that it can be seen and clicked."""
    return text or "(no name)"


FILTERS: dict[str, Callable[..., Any]] = {
    "count": count,
    "percent": percent,
    "ago": ago,
    "bars": bars,
    "lasting": lasting,
    "since": since,
    "minute": minute,
    "second": second,
    "condition": condition,
    "conditions": conditions,
    "held": held,
    "ratio": ratio,
    "words": words,
    "named": title,
    "key_name": people_name,
    "rfc3339": rfc3339,
}

"""Pictures as the page draws them: numbers placed on a surface, which templates write as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from otel_insights.analysis.spikes import HOUR_NS
from otel_insights.anomaly_series import Moment
from otel_insights.report import rfc3339


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a chart, in units of its surface; `value` is what it stands for."""

    x: float
    y: float
    width: float
    height: float
    value: float


def bars(values: Sequence[float], width: float, height: float) -> list[Bar]:
    """Stand values beside each other on a surface. What is there at all can be seen; zero has no bar.

    >>> [(bar.x, bar.height) for bar in bars([1, 0, 2], 30, 20)]
    [(0.0, 10.0), (20.0, 20.0)]
    """
    most = max(values, default=0.0)
    step = width / max(1, len(values))
    drawn = []
    for place, value in enumerate(values):
        if value > 0:
            tall = max(1.5, height * value / most)
            drawn.append(
                Bar(round(place * step, 2), round(height - tall, 2), round(step * 0.8, 2), round(tall, 2), value)
            )
    return drawn


@dataclass(frozen=True, slots=True)
class Trend:
    """Counts over time: bars of `hours` each, the last of which holds the present."""

    values: tuple[float, ...]
    hours: int
    end_ns: int
    """Where the last bar ends."""

    @property
    def total(self) -> float:
        """Sum it up."""
        return sum(self.values)

    @property
    def days(self) -> float:
        """Tell how far back it goes."""
        return len(self.values) * self.hours / 24

    def begin_ns(self, place: int) -> int:
        """Tell when a bar begins."""
        return self.end_ns - (len(self.values) - place) * self.hours * HOUR_NS

    def text(self) -> str:
        """Say in words what the picture shows.

        >>> Trend((0, 3, 1), 24, 0).text()
        '4 in 3 days; most, 3, from 1969-12-30 00:00 on'
        """
        if not self.total:
            return f"none in {self.days:g} days"
        most = max(self.values)
        begin = rfc3339(self.begin_ns(self.values.index(most)))[:16].replace("T", " ")
        return f"{self.total:,.0f} in {self.days:g} days; most, {most:,.0f}, from {begin} on"


def trend(hours: Mapping[int, float], now_ns: int, *, each: int, number: int) -> Trend:
    """Sum up hours (since the epoch) into `number` bars of `each` hours, up to now.

    >>> trend({9: 1, 10: 2, 11: 4}, 11 * HOUR_NS, each=2, number=3).values
    (0.0, 1.0, 6.0)
    >>> trend({9: 1, 10: 2, 11: 4}, 11 * HOUR_NS, each=1, number=2).values
    (2.0, 4.0)
    """
    behind = now_ns // HOUR_NS + 1
    behind += -behind % each  # bars begin at the same hours on every look
    values = [
        sum((hours.get(hour, 0.0) for hour in range(behind - (left + 1) * each, behind - left * each)), 0.0)
        for left in reversed(range(number))
    ]
    return Trend(tuple(values), each, behind * HOUR_NS)


def span(first: int, last: int, begin: int, end: int, width: float) -> tuple[float, float]:
    """Place a time from `first` to `last` on a line from `begin` to `end`: where it begins, and how long it is.

    >>> span(50, 75, 0, 100, 200)
    (100.0, 50.0)
    """
    whole = max(1, end - begin)
    x = width * (first - begin) / whole
    long = max(3.0, width * (last - first) / whole)
    return round(min(x, width - 3.0), 2), round(min(long, width), 2)


@dataclass(frozen=True, slots=True)
class Chart:
    """A series with its band, as SVG takes it: lists of points `x,y`, on a surface of `width` by `height`."""

    values: str
    expected: str
    band: str
    """A closed area; empty where nothing was expected."""
    begin: float
    """Where what is marked begins, and how wide it is."""
    marked: float
    low: float
    high: float
    """What the lower and the upper edge stand for."""
    first_ns: int
    last_ns: int
    width: int
    height: int


def chart(moments: Sequence[Moment], marked: tuple[int, int], width: int, height: int) -> Chart | None:
    """Draw a series over time; None without two points. A band that goes far beyond the values is cut off."""
    if len(moments) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    low, high = (edge(one.value for one in moments) for edge in (min, max))
    room = max((high - low) * 0.5, abs(high) * 0.01, 1e-9)
    low, high = low - room / 2, high + room / 2
    first, last = moments[0].time_ns, moments[-1].time_ns

    def at(time_ns: int, value: float) -> str:
        x = width * (time_ns - first) / max(1, last - first)
        y = height * (high - min(max(value, low), high)) / (high - low)
        return f"{x:.1f},{y:.1f}"

    known = [one for one in moments if one.lower is not None and one.upper is not None and one.expected is not None]
    above = [at(one.time_ns, one.upper) for one in known if one.upper is not None]
    below = [at(one.time_ns, one.lower) for one in known if one.lower is not None]
    begin, long = span(max(first, marked[0]), min(last, marked[1]), first, last, width)
    return Chart(
        " ".join(at(one.time_ns, one.value) for one in moments),
        " ".join(at(one.time_ns, one.expected) for one in known if one.expected is not None),
        " ".join([*above, *reversed(below)]),
        begin,
        long,
        low,
        high,
        first,
        last,
        width,
        height,
    )

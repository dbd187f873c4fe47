"""Series with their detector and their episodes: points of a request in, scores and what they mean out."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import orjson

from otel_insights import environment
from otel_insights.analysis import detectors, episodes
from otel_insights.analysis.expectations import State
from otel_insights.analysis.lines import Line, Watch
from otel_insights.analysis.models import MODELS, Model
from otel_insights.analysis.series import Series
from otel_insights.analysis.streams import Observations, SeriesKey
from otel_insights.metric_shapes import Changed, Shapes, lasting_scope
from otel_insights.store.anomalies import SavedPart

_FIRST_ROWS: Final = 256
_PART: Final = 1000
_LATELY_NS: Final = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Limits:
    """What is no anomaly of a series, whatever its score."""

    direction: str = "both"
    min_absolute: float = 0.0
    min_relative: float = 0.0
    factor: float = 1.0
    """Multiplies the threshold."""
    emit: str = ""
    """Whether its scores are told: `none`, `anomalous`, `all`; "" for whatever holds where nothing is said."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A point with its score (above 1: anomalous), what was expected (NaN: nothing), and the band of what is usual."""

    row: int
    key: SeriesKey
    time_ns: int
    value: float
    score: float
    expected: float
    lower: float
    upper: float
    threshold: float
    opened: bool
    closed: bool
    is_open: bool
    lately: bool
    """Whether the series was anomalous within a day."""


@dataclass(slots=True, repr=False)  # asyncio writes out what it waits for: arrays of megabytes
class Scoring:
    """Owns what is known of series. Not for several threads."""

    most: int
    limits_of: Callable[[SeriesKey], Limits]
    series: Series = field(init=False)
    factors: dict[str, float] = field(default_factory=dict)
    """By `series_id`: what people have said."""
    model: Model = MODELS["robust"]
    line_of: Callable[[SeriesKey], Line | None] = lambda _: None
    on_heard: Callable[[Iterable[SeriesKey]], object] | None = None
    """Told the series of each request, if anybody wants to know."""
    beyond: list[Scored] = field(default_factory=list, init=False)
    """Points of series that are, or were until then, beyond their line for too long; the caller takes them out."""
    gone: list[int] = field(default_factory=list, init=False)
    """Rows of series that made room while they were anomalous; the caller takes them out, before what was scored."""
    changed: list[Changed] = field(default_factory=list, init=False)
    """Metrics that came with another type or unit than before; the caller takes them out."""
    _shapes: Shapes = field(init=False)
    _known: State = field(init=False)
    _episodes: State = field(default_factory=lambda: episodes.new_state(_FIRST_ROWS), init=False)
    _anomalous_ns: np.ndarray = field(default_factory=lambda: np.zeros(_FIRST_ROWS, np.int64), init=False)
    _limits: dict[int, Limits] = field(default_factory=dict, init=False)
    """Of the rows that have any."""
    _emits: dict[int, str] = field(default_factory=dict, init=False)
    """Likewise."""
    _always: np.ndarray = field(default_factory=lambda: np.zeros(_FIRST_ROWS, bool), init=False)
    """Of the rows whose every score is told."""
    _watches: dict[int, Watch] = field(default_factory=dict, init=False)
    """Likewise."""

    def __post_init__(self) -> None:
        """Begin without series."""
        self.series = Series(self.most, self._begin, series_id, self._adopt)
        self._known = self.model.new_state(_FIRST_ROWS)
        self._shapes = Shapes(self.most)

    def score(self, observed: Observations, *, everything: bool = False) -> tuple[int, list[Scored]]:
        """Score points, each once; those of a series in the order of their times.

        Returns how many were scored, and those of series that are or lately were anomalous or are always told, or
        with `everything` all.
        """
        points = self.series.read(observed)
        found: list[Scored] = []
        if self.on_heard is not None:
            keys = (self.series.keys[row] for row in np.unique(points.rows).tolist())
            self.on_heard([key for key in keys if key is not None])
        for part in detectors.rounds(points):
            rows, times, values = points.rows[part].astype(np.intp), points.times[part], points.values[part]
            if self._watches:
                self._watch(rows.tolist(), times.tolist(), values.tolist())
            judged = self.model.judge(self._known, rows, times // 10**9, values)
            allowed = self._allowed(rows, values, judged.expected)
            step = episodes.step(self._episodes, rows, times / 1e9, judged.score, allowed)
            self._anomalous_ns[rows[step.is_open]] = times[step.is_open]
            lately = (self._anomalous_ns[rows] > 0) & (times - self._anomalous_ns[rows] < _LATELY_NS)
            margin = judged.scale * step.threshold
            told = slice(None) if everything else np.flatnonzero(lately | step.closed | self._always[rows])
            columns = (
                rows,
                times,
                values,
                step.score,
                judged.expected,
                judged.expected - margin,
                judged.expected + margin,
                step.threshold,
                step.opened,
                step.closed,
                step.is_open,
                lately,
            )
            for row, *rest in zip(*(column[told].tolist() for column in columns), strict=True):
                key = self.series.keys[row]
                if key is not None:
                    found.append(Scored(row, key, *rest))
        return len(points), found

    def _watch(self, rows: list[int], times: list[int], values: list[float]) -> None:
        for row, time_ns, value in zip(rows, times, values, strict=True):
            watch, key = self._watches.get(row), self.series.keys[row]
            if watch is None or key is None:
                continue
            opened, closed = watch.step(time_ns, value)
            if watch.is_open or closed:
                line, nan = watch.line, math.nan
                lower, upper = (nan if edge is None else edge for edge in (line.below, line.above))
                crossed = upper if value > upper else lower
                self.beyond.append(
                    Scored(row, key, time_ns, value, line.excess(value), nan, lower, upper, crossed, opened, closed,
                           watch.is_open, lately=False)
                )  # fmt: skip

    def _allowed(self, rows: np.ndarray, values: np.ndarray, expected: np.ndarray) -> np.ndarray:
        allowed = np.ones(len(rows), bool)
        if self._limits:
            for at, row in enumerate(rows.tolist()):
                if limits := self._limits.get(row):
                    moved = float(values[at] - expected[at])
                    allowed[at] = (
                        abs(moved) >= limits.min_absolute
                        and abs(moved) >= limits.min_relative * abs(float(expected[at]))
                        and (limits.direction == "both" or (moved > 0) == (limits.direction == "up"))
                    )
        return allowed

    def close(self, row: int) -> None:
        """End an episode: nothing is heard of its series."""
        self._episodes["open"][row] = False

    def emits(self, row: int) -> str:
        """Tell what was said of telling a series' scores; "" if nothing."""
        return self._emits.get(row, "")

    def unwatch(self, row: int) -> None:
        """End what a line has found: nothing is heard of the series."""
        if watch := self._watches.get(row):
            self._watches[row] = Watch(watch.line)

    def watch_on(self, row: int, line: Line) -> None:
        """Go on with a series that was beyond its line for too long before a restart."""
        watch = self._watches.setdefault(row, Watch(line))
        watch.is_open = True

    def heed(self, factors: dict[str, float]) -> None:
        """Take over what people have said."""
        self.factors = factors
        for row, key in enumerate(self.series.keys):
            if key is not None:
                self._set_factor(row, key)

    def _begin(self, rows: np.ndarray) -> None:
        while int(rows.max()) >= len(self._known):
            more = min(len(self._known), 16_384)
            self._known = np.concatenate([self._known, self.model.new_state(more)])
            self._episodes = np.concatenate([self._episodes, episodes.new_state(more)])
            self._anomalous_ns = np.concatenate([self._anomalous_ns, np.zeros(more, np.int64)])
            self._always = np.concatenate([self._always, np.zeros(more, bool)])
        for row in rows.tolist():
            watch = self._watches.pop(row, None)
            if self._episodes["open"][row] or (watch and watch.is_open):
                self.gone.append(row)
        self.model.begin(self._known, rows)
        episodes.begin(self._episodes, rows)
        self._anomalous_ns[rows], self._always[rows] = 0, False
        for row in rows.tolist():
            key = self.series.keys[row]
            if key is not None:
                self._note_shape(key)
                self._set_limits(row, key)

    def _note_shape(self, key: SeriesKey) -> None:
        if changed := self._shapes.news(key):
            self.changed.append(changed)

    def _adopt(self, row: int, key: SeriesKey) -> None:
        self._shapes.news(key)
        self._set_limits(row, key)

    def _set_limits(self, row: int, key: SeriesKey) -> None:
        limits = self.limits_of(key)
        self._limits.pop(row, None)
        line, watch = self.line_of(key), self._watches.get(row)
        if line is None:
            self._watches.pop(row, None)
        elif watch is None or watch.line != line:
            self._watches[row] = Watch(line, *((watch.is_open, watch.beyond_ns) if watch else ()))
        self._always[row] = limits.emit == "all"
        self._emits.pop(row, None)
        if limits.emit:
            self._emits[row] = limits.emit
        if limits != Limits(factor=limits.factor, emit=limits.emit):  # what these do costs nothing
            self._limits[row] = limits
        self._set_factor(row, key)

    def _set_factor(self, row: int, key: SeriesKey) -> None:
        said = self.factors.get(series_id(key), 1.0) if self.factors else 1.0
        self._episodes["factor"][row] = self.limits_of(key).factor * said

    def saved(self) -> Sequence[SavedPart]:
        """Give all that is to survive a restart, in parts; sums begin anew after it, each with its next point."""
        named = list(self.series.named().items())
        parts = []
        for start in range(0, len(named), _PART):
            some = named[start : start + _PART]
            rows = [row for _, row in some]
            keys = [[name, int(self.series.heard_ns[row]), self._beyond_since(row)] for name, row in some]
            body = self._known[rows].tobytes() + self._episodes[rows].tobytes() + self._anomalous_ns[rows].tobytes()
            parts.append(SavedPart(self._layout, orjson.dumps(keys), body))
        return parts

    def _beyond_since(self, row: int) -> int | None:
        watch = self._watches.get(row)
        return watch.beyond_ns if watch else None

    def restore(self, parts: Iterable[SavedPart]) -> None:
        """Take up what was saved; what another version saved is passed over, and learnt anew."""
        one = self.model.fields.itemsize
        for part in parts:
            keys = orjson.loads(part.keys)
            size = len(keys) * (one + episodes.FIELDS.itemsize + 8)
            if part.detector != self._layout or len(part.body) != size or len(self.series) + len(keys) > self.most:
                continue
            rows = np.array([self.series.keep(name, heard_ns) for name, heard_ns, _ in keys], np.intp)
            for row, (_, _, beyond_ns) in zip(rows.tolist(), keys, strict=True):
                if beyond_ns is not None:  # of which line is known when it is heard of
                    self._watches[row] = Watch(Line(), beyond_ns=beyond_ns)
            first = len(keys) * one
            second = first + len(keys) * episodes.FIELDS.itemsize
            self._known[rows] = np.frombuffer(part.body[:first], self.model.fields)
            self._episodes[rows] = np.frombuffer(part.body[first:second], episodes.FIELDS)
            self._anomalous_ns[rows] = np.frombuffer(part.body[second:], np.int64)
            self._episodes["open"][rows] = False

    @property
    def _layout(self) -> str:
        return f"{self.model.version} 3 {self.model.fields.itemsize} {episodes.FIELDS.itemsize}"


def series_id(key: SeriesKey) -> str:
    """Hash what identifies a series: the same at every start, and under every version of its service."""
    digest = hashlib.blake2b(digest_size=8)
    for part in (
        environment.lasting(key[0]),
        lasting_scope(key[1]),
        key[2],
        *sorted(key[3]),
        key[4].encode(),
        key[5].encode(),
    ):
        digest.update(len(part).to_bytes(4, "little") + part)
    return digest.hexdigest()

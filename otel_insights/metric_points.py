"""The data points of a request of metrics, in columns; who sent them is known by bytes that were seen before.

Protobuf's parser steps down to the points (see `metric_schemas`), which stay bytes. A point as SDKs and Collectors
write it begins with its times and its value, each 9 bytes long, and ends with its attributes: what is behind the value
tells the stream, and is looked up and not parsed. Other points are parsed whole.
Data model: https://opentelemetry.io/docs/specs/otel/metrics/data-model/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

from google.protobuf.message import DecodeError

from otel_insights import metric_schemas
from otel_insights.analysis.exponential import Exponential
from otel_insights.analysis.histograms import Distribution, Explicit, Packed
from otel_insights.analysis.streams import CUMULATIVE, DELTA, Observations, Stream
from otel_insights.errors import BadData
from otel_insights.metric_heads import (
    HEAD,
    NO_START,
    are_heads,
    buckets_of,
    columns,
    head_of,
    head_of_count,
    packed,
    packed_numbers,
)

_NO_VALUE: Final = 1
"""Flag `NO_RECORDED_VALUE`: missing, which is not 0."""
_TITLES: Final = {"exponential": "exponential histogram"}


@dataclass(slots=True)
class _Metric:
    """A metric of a sender, with the streams of it that were seen."""

    resource: bytes
    scope: bytes
    name: bytes
    shape: str
    temporality: int
    """0 for what is as it is."""
    is_count: bool
    wanted: bool
    by_tail: dict[bytes, Stream | None] = field(default_factory=dict)
    """By all that follows the value of a point; None where that says that there is no value."""
    by_end: dict[bytes, tuple[Stream | None, bytes]] = field(default_factory=dict)
    """Of a histogram, by all that follows its counts, likewise; with the bounds, packed."""
    by_identity: dict[tuple[tuple[bytes, ...], str], Stream] = field(default_factory=dict)

    def stream(self, attributes: tuple[bytes, ...], part: str) -> Stream:
        """Find or make a stream by its serialised KeyValues, in their order."""
        found = self.by_identity.get((attributes, part))
        if found is None:
            key = (self.resource, self.scope, self.name, attributes, part, self.shape)
            counts = self.is_count and part == "count"
            found = Stream(key, self.temporality if counts or not self.is_count else 0, counts)
            self.by_identity[attributes, part] = found
        return found


@dataclass(slots=True, repr=False)
class Reading:
    """Reads requests, and remembers the streams that it has seen. `wants` is asked once for each metric of a sender.

    It is told resource, scope and name. Beyond some `most` streams all are forgotten, and met anew.
    """

    wants: Callable[[bytes, bytes, bytes], bool] = lambda *_: True
    most: int = 20_000
    _metrics: dict[tuple[bytes, bytes], dict[tuple[bytes, bytes, str, int, bool], _Metric]] = field(
        default_factory=dict
    )
    _size: int = 0

    def read(self, data: bytes) -> Observations:
        """Read an export request of metrics; raises BadData where it does not parse. What has no value is left out."""
        if self._size > 4 * self.most:
            self._metrics.clear()
            self._size = 0
        try:
            into = _Columns()
            for metric, kind, raw in self._points(metric_schemas.REQUEST.FromString(data)):
                self._size += _READ[kind](metric, raw, into)
        except DecodeError as error:
            raise BadData(
                "not a valid export request of metrics: a tag or a length in the protobuf is wrong"
            ) from error
        return into.observations()

    def _points(self, request: Any) -> Iterator[tuple[_Metric, str, Any]]:  # noqa: ANN401 - classes made at run time
        for outer in request.resources:
            resource = b"".join(outer.resource)
            for inner in outer.scopes:
                scope = b"".join(inner.scope)
                known = self._metrics.setdefault((resource, scope), {})
                for metric in inner.metrics:
                    kind = metric.WhichOneof("data")
                    if kind is None:
                        continue
                    data = getattr(metric, kind)
                    monotonic = kind == "sum" and data.monotonic
                    temporality = data.temporality if kind in _TEMPORAL else 0
                    name = (metric.name, metric.unit, kind, temporality, monotonic)
                    found = known.get(name)
                    if found is None:
                        self._size += 1
                        wanted = self.wants(resource, scope, metric.name)
                        found = known[name] = _metric(resource, scope, name, wanted=wanted)
                    if found.wanted:
                        yield found, kind, data.points


_TEMPORAL: Final = frozenset({"sum", "histogram", "exponential"})


def _metric(resource: bytes, scope: bytes, name: tuple[bytes, bytes, str, int, bool], *, wanted: bool) -> _Metric:
    title, unit, kind, temporality, monotonic = name
    falls = kind == "sum" and not monotonic
    shape = f"{'non-monotonic ' if falls else ''}{_TITLES.get(kind, kind)} {unit.decode(errors='replace')}".rstrip()
    if kind == "gauge" or (falls and temporality != DELTA):
        temporality = 0
    elif temporality != DELTA:
        temporality = CUMULATIVE
    return _Metric(resource, scope, title, shape, temporality, kind not in {"gauge", "sum"}, wanted)


@dataclass(slots=True)
class _Columns:
    """Points as they are read."""

    streams: list[Stream] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    """In order; several may be in one piece."""
    distributions: dict[int, Distribution] = field(default_factory=dict)

    def add(self, stream: Stream, head: bytes, distribution: Distribution | None = None) -> None:
        """Add a point by its first three fields."""
        if distribution is not None:
            self.distributions[len(self.streams)] = distribution
        self.streams.append(stream)
        self.heads.append(head)

    def observations(self) -> Observations:
        """Put them into columns."""
        return Observations(self.streams, *columns(self.heads), self.distributions)


def _numbers(metric: _Metric, points: Any, into: _Columns) -> int:  # noqa: ANN401 - as above
    """Read points of a gauge or sum; returns how many streams of it are new."""
    if len(points) >= _MANY and _known_numbers(metric, points, into):
        return 0
    known, before = metric.by_tail, len(metric.by_tail) + len(metric.by_identity)
    streams, heads = into.streams, into.heads
    for raw in points:
        head, tail = (raw[:HEAD], raw[HEAD:]) if raw[:1] == b"\x11" else (head_of(raw), raw[HEAD - 9 :])
        stream = known.get(tail, _UNKNOWN)
        if stream is _UNKNOWN or head is None or len(head) != HEAD or head[9] != _TIME or head[18] not in _VALUES:
            _number(metric, raw, tail if head is not None and len(head) == HEAD else None, into)
        elif stream is not None:
            streams.append(stream)
            heads.append(head)
    return len(metric.by_tail) + len(metric.by_identity) - before


def _known_numbers(metric: _Metric, points: Any, into: _Columns) -> bool:  # noqa: ANN401 - as above
    """Read points at once if all are of streams that were seen, have a value, and are written as usual; else none."""
    raws = list(points)
    if raws and raws[0][:1] == b"\x19":
        raws = [NO_START + raw for raw in raws]
    streams = list(map(metric.by_tail.get, map(_TAIL, raws)))
    heads = b"".join(map(_HEAD, raws))
    if None in streams or not are_heads(heads, len(raws)):
        return False
    into.streams += streams  # type: ignore[arg-type] # None is not among them
    into.heads.append(heads)
    return True


_MANY: Final = 8
"""Points of a metric, from which on it costs less to read them at once."""
_HEAD, _TAIL = itemgetter(slice(0, HEAD)), itemgetter(slice(HEAD, None))
_UNKNOWN: Final = Stream((b"", b"", b"", (), "", ""))
_TIME: Final = 0x19
_VALUES: Final = frozenset({0x21, 0x31})
"""Tags of `time_unix_nano`; of `as_double` and `as_int`."""


def _number(metric: _Metric, raw: bytes, tail: bytes | None, into: _Columns) -> None:
    """Read a point whole, and note what its tail means where that holds nothing but attributes and flags."""
    one = metric_schemas.NUMBER.FromString(raw)
    held = one.WhichOneof("value")
    missing = held is None or bool(one.flags & _NO_VALUE)
    stream = metric.stream(tuple(one.attributes), "")
    if tail is not None and held is not None and metric_schemas.is_identity(tail):
        metric.by_tail[tail] = None if missing else stream
    if not missing:
        into.add(stream, packed(one.start, one.time, getattr(one, held)))


def _histograms(metric: _Metric, points: Any, into: _Columns) -> int:  # noqa: ANN401 - as above
    known, before = metric.by_end, len(metric.by_end) + len(metric.by_identity)
    for raw in points:
        if raw[:1] == b"\x19":
            raw = NO_START + raw  # noqa: PLW2901 - the same point
        head = head_of_count(raw)
        counts, end = buckets_of(raw) if head else (b"", b"")
        stream, bounds = known.get(end, _NEVER)
        if head is None or len(counts) != len(bounds) + 8:
            _histogram(metric, raw, end if counts else None, into)
        elif stream is not None:
            into.distributions[len(into.streams)] = Packed(counts, bounds)
            into.streams.append(stream)
            into.heads.append(head)
    return len(metric.by_end) + len(metric.by_identity) - before


_NEVER: Final = (None, b"*")
"""No bounds are of that length."""


def _histogram(metric: _Metric, raw: bytes, end: bytes | None, into: _Columns) -> None:
    """Read a point whole, and note what its end means where that holds nothing but bounds, attributes and flags."""
    one = metric_schemas.HISTOGRAM.FromString(raw)
    missing = bool(one.flags & _NO_VALUE)
    stream = metric.stream(tuple(one.attributes), "count")
    if end is not None and metric_schemas.is_end_of_histogram(end):
        metric.by_end[end] = (None if missing else stream, packed_numbers(one.bounds))
    if not missing:
        whole = len(one.buckets) == len(one.bounds) + 1
        spread = Explicit(tuple(one.buckets), tuple(one.bounds)) if whole else None
        into.add(stream, packed(one.start, one.time, one.count), spread)


def _exponentials(metric: _Metric, points: Any, into: _Columns) -> int:  # noqa: ANN401 - as above
    before = len(metric.by_identity)
    for raw in points:
        one = metric_schemas.EXPONENTIAL.FromString(raw)
        if not one.flags & _NO_VALUE:
            stream = metric.stream(tuple(one.attributes), "count")
            into.add(stream, packed(one.start, one.time, one.count), _spread(one))
    return len(metric.by_identity) - before


def _spread(one: Any) -> Exponential | None:  # noqa: ANN401 - as above
    sides = [(side.offset, side.counts) for side in (one.positive, one.negative)]
    found = Exponential.bounded(one.scale, (one.zero, one.zero_threshold), *sides)
    # by the data model the count is the sum of all; where it is not, nobody knows what is missing
    return found if one.zero + sum(found.positive.counts) + sum(found.negative.counts) == one.count else None


def _summaries(metric: _Metric, points: Any, into: _Columns) -> int:  # noqa: ANN401 - as above
    before = len(metric.by_identity)
    for raw in points:
        one = metric_schemas.SUMMARY.FromString(raw)
        if one.flags & _NO_VALUE:
            continue
        attributes = tuple(one.attributes)
        into.add(metric.stream(attributes, "count"), packed(one.start, one.time, one.count))
        for quantile in one.quantiles:
            part = f"p{quantile.quantile * 100:g}"
            into.add(metric.stream(attributes, part), packed(0, one.time, quantile.value))
    return len(metric.by_identity) - before


_READ: Final[dict[str, Callable[[_Metric, Any, _Columns], int]]] = {
    "gauge": _numbers,
    "sum": _numbers,
    "histogram": _histograms,
    "exponential": _exponentials,
    "summary": _summaries,
}

"""The data points of a request of metrics, read as far as their values: attributes, which identify, stay bytes.

Protobuf's parser is given schemas in which attributes, exemplars and the like are bytes or unknown (as in `outline`).
Data model: https://opentelemetry.io/docs/specs/otel/metrics/data-model/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from otel_insights.analysis.exponential import Exponential
from otel_insights.analysis.histograms import Distribution, Explicit
from otel_insights.errors import BadData

DELTA, CUMULATIVE = 1, 2
_NO_VALUE = 1
"""Flag `NO_RECORDED_VALUE`: missing, which is not 0."""


class Point(NamedTuple):
    """A point as it came; of a summary there are several, since each of its quantiles is a gauge."""

    resource: bytes
    scope: bytes
    metric: bytes
    attributes: tuple[bytes, ...]
    """Serialised KeyValues, in their order."""
    kind: str
    """How it is read: `gauge`, `sum`, or `count` (of a histogram or a summary)."""
    temporality: int
    monotonic: bool
    start_ns: int
    time_ns: int
    value: float | None
    """None where the sender says that there is none."""
    part: str = ""
    """What of a histogram or summary it is: `count`, or a quantile such as `p99.9`."""
    shape: str = "gauge"
    """The metric's type and unit as OTLP has them: `histogram s`."""
    distribution: Distribution | None = None
    """A histogram's; those without bounds have none."""


def points(data: bytes, wants: Callable[[bytes, bytes, bytes], bool] = lambda *_: True) -> Iterator[Point]:
    """Read an export request of metrics; raises BadData where it does not parse.

    `wants` is asked, with resource, scope and name, whether a metric is to be read at all.
    """
    try:
        request = _REQUEST.FromString(data)
    except DecodeError as error:
        raise BadData("not a valid export request of metrics: a tag or a length in the protobuf is wrong") from error
    for outer in request.resources:
        resource = b"".join(outer.resource)
        for inner in outer.scopes:
            scope = b"".join(inner.scope)
            for metric in inner.metrics:
                kind = metric.WhichOneof("data")
                if kind is not None and wants(resource, scope, metric.name):
                    read = _numbers if kind in _NUMBERS else _counts
                    data = getattr(metric, kind)
                    yield from read((resource, scope, metric.name), kind, _shape(kind, metric.unit, data), data)


def _shape(kind: str, unit: bytes, data: Any) -> str:  # noqa: ANN401 - a class made at run time
    falls = kind == "sum" and not data.monotonic
    return f"{'non-monotonic ' if falls else ''}{_TITLES.get(kind, kind)} {unit.decode(errors='replace')}".rstrip()


def _numbers(of: tuple[bytes, bytes, bytes], kind: str, shape: str, data: Any) -> Iterator[Point]:  # noqa: ANN401 - as above
    temporality, monotonic = (data.temporality, data.monotonic) if kind == "sum" else (0, False)
    for one in data.points:
        held = one.WhichOneof("value")
        value = None if held is None or one.flags & _NO_VALUE else float(getattr(one, held))
        attributes = tuple(one.attributes)
        yield Point(*of, attributes, kind, temporality, monotonic, one.start, one.time, value, "", shape)


def _counts(of: tuple[bytes, bytes, bytes], kind: str, shape: str, data: Any) -> Iterator[Point]:  # noqa: ANN401 - as above
    temporality = CUMULATIVE if kind == "summary" else data.temporality
    for one in data.points:
        value = None if one.flags & _NO_VALUE else float(one.count)
        attributes, spread = tuple(one.attributes), None
        if value is not None and kind != "summary":
            spread = _explicit(one) if kind == "histogram" else _exponential(one)
        # counts only grow
        yield Point(*of, attributes, "count", temporality, True, one.start, one.time, value, "count", shape, spread)  # noqa: FBT003
        if value is not None and kind == "summary":
            for quantile in one.quantiles:
                part = f"p{quantile.quantile * 100:g}"
                yield Point(*of, attributes, "gauge", 0, False, 0, one.time, quantile.value, part, shape)  # noqa: FBT003


def _explicit(one: Any) -> Explicit | None:  # noqa: ANN401 - as above
    counts, bounds = one.buckets, one.bounds
    return Explicit(tuple(counts), tuple(bounds)) if len(counts) == len(bounds) + 1 else None


def _exponential(one: Any) -> Exponential | None:  # noqa: ANN401 - as above
    sides = [(side.offset, side.counts) for side in (one.positive, one.negative)]
    found = Exponential.bounded(one.scale, (one.zero, one.zero_threshold), *sides)
    # by the data model the count is the sum of all; where it is not, nobody knows what is missing
    return found if one.zero + sum(found.positive.counts) + sum(found.negative.counts) == one.count else None


_NUMBERS: Final = {"gauge": 5, "sum": 7}
_COUNTED: Final = {"histogram": (9, 9, 10), "exponential": (10, 1, 10), "summary": (11, 7, 8)}
"""Member of `Metric.data` -> its number, and those of its points' attributes and flags."""
_TITLES: Final = {"exponential": "exponential histogram"}
_SPREAD: Final = (
    ("scale", 6, "sint32"),
    ("zero", 7, "fixed64"),
    ("positive", 8, "Side"),
    ("negative", 9, "Side"),
    ("zero_threshold", 14, "double"),
)


def _schema() -> Any:  # noqa: ANN401 - as above
    kind = descriptor_pb2.FieldDescriptorProto
    package = "otel_insights.metric_points"
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")

    def message(name: str) -> descriptor_pb2.DescriptorProto:
        return file.message_type.add(name=name)

    def add(to: descriptor_pb2.DescriptorProto, name: str, number: int, type_: str, *, many: bool = False) -> Any:  # noqa: ANN401
        label = kind.LABEL_REPEATED if many else kind.LABEL_OPTIONAL
        if type_.isupper() or type_[0].islower():
            return to.field.add(name=name, number=number, type=kind.Type.Value(f"TYPE_{type_.upper()}"), label=label)
        full = f".{package}.{type_}"
        return to.field.add(name=name, number=number, type=kind.TYPE_MESSAGE, type_name=full, label=label)

    request, outer, inner, metric = message("Request"), message("Outer"), message("Inner"), message("Metric")
    # singular in OTLP, repeated here, so that an occurrence is not lost to the next one
    add(request, "resources", 1, "Outer", many=True)
    add(outer, "resource", 1, "bytes", many=True)
    add(outer, "scopes", 2, "Inner", many=True)
    add(inner, "scope", 1, "bytes", many=True)
    add(inner, "metrics", 2, "Metric", many=True)
    add(metric, "name", 1, "bytes")
    metric.oneof_decl.add(name="data")
    number = message("Number")
    number.oneof_decl.add(name="value")
    add(number, "start", 2, "fixed64")
    add(number, "time", 3, "fixed64")
    add(number, "as_double", 4, "double").oneof_index = 0
    add(number, "as_int", 6, "sfixed64").oneof_index = 0
    add(number, "attributes", 7, "bytes", many=True)
    add(number, "flags", 8, "uint32")
    for name, at in _NUMBERS.items():
        add(metric, name, at, "Numbers").oneof_index = 0
    numbers = message("Numbers")
    add(numbers, "points", 1, "Number", many=True)
    for name, (at, attributes, flags) in _COUNTED.items():
        title = name.title()
        add(metric, name, at, f"{title}s").oneof_index = 0
        point, holder = message(title), message(f"{title}s")
        add(holder, "points", 1, title, many=True)
        add(point, "start", 2, "fixed64")
        add(point, "time", 3, "fixed64")
        add(point, "count", 4, "fixed64")
        add(point, "attributes", attributes, "bytes", many=True)
        add(point, "flags", flags, "uint32")
        _add_spread(message, add, point, name)
        if name != "summary":
            add(holder, "temporality", 2, "int32")
    add(numbers, "temporality", 2, "int32")
    add(numbers, "monotonic", 3, "bool")
    add(metric, "unit", 3, "bytes")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.Request"))


def _add_spread(message: Any, add: Any, point: Any, name: str) -> None:  # noqa: ANN401 - as above
    """Add what tells how the values of a point lie."""
    if name == "histogram":
        add(point, "buckets", 6, "fixed64", many=True)
        add(point, "bounds", 7, "double", many=True)
    elif name == "exponential":
        side = message("Side")
        add(side, "offset", 1, "sint32")
        add(side, "counts", 2, "uint64", many=True)
        for field, number, type_ in _SPREAD:
            add(point, field, number, type_)
    else:
        quantile = message("Quantile")
        add(quantile, "quantile", 1, "double")
        add(quantile, "value", 2, "double")
        add(point, "quantiles", 6, "Quantile", many=True)


_REQUEST: Final = _schema()

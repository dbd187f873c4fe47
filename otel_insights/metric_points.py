"""The data points of a request of metrics, read as far as their values: attributes, which identify, stay bytes.

Protobuf's parser is given schemas in which attributes, exemplars and the like are bytes or unknown (as in `outline`).
Data model: https://opentelemetry.io/docs/specs/otel/metrics/data-model/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from otel_insights.errors import BadData

DELTA, CUMULATIVE = 1, 2
_NO_VALUE = 1
"""Flag `NO_RECORDED_VALUE`: missing, which is not 0."""


class Point(NamedTuple):
    """A point as it came. `buckets` and `bounds` are a histogram's; of those without bounds only the count is read."""

    resource: bytes
    scope: bytes
    metric: bytes
    attributes: tuple[bytes, ...]
    """Serialised KeyValues, in their order."""
    kind: str
    """`gauge`, `sum`, or `count` (of a histogram or a summary)."""
    temporality: int
    monotonic: bool
    start_ns: int
    time_ns: int
    value: float | None
    """None where the sender says that there is none."""
    buckets: Sequence[int] = ()
    bounds: Sequence[float] = ()


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
                    yield from read(resource, scope, metric.name, kind, getattr(metric, kind))


def _numbers(resource: bytes, scope: bytes, name: bytes, kind: str, data: Any) -> Iterator[Point]:  # noqa: ANN401 - a class made at run time
    temporality, monotonic = (data.temporality, data.monotonic) if kind == "sum" else (0, False)
    for one in data.points:
        held = one.WhichOneof("value")
        value = None if held is None or one.flags & _NO_VALUE else float(getattr(one, held))
        yield Point(
            resource, scope, name, tuple(one.attributes), kind, temporality, monotonic, one.start, one.time, value
        )


def _counts(resource: bytes, scope: bytes, name: bytes, kind: str, data: Any) -> Iterator[Point]:  # noqa: ANN401 - as above
    temporality = CUMULATIVE if kind == "summary" else data.temporality
    for one in data.points:
        value = None if one.flags & _NO_VALUE else float(one.count)
        buckets, bounds = (one.buckets, one.bounds) if kind == "histogram" else ((), ())
        whole = len(buckets) == len(bounds) + 1
        yield Point(
            resource,
            scope,
            name,
            tuple(one.attributes),
            "count",
            temporality,
            True,  # noqa: FBT003 - counts only grow
            one.start,
            one.time,
            value,
            list(buckets) if whole else (),
            list(bounds) if whole else (),
        )


_NUMBERS: Final = {"gauge": 5, "sum": 7}
_COUNTED: Final = {"histogram": (9, 9, 10), "exponential": (10, 1, 10), "summary": (11, 7, 8)}
"""Member of `Metric.data` -> its number, and those of its points' attributes and flags."""


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
        if name == "histogram":
            add(point, "buckets", 6, "fixed64", many=True)
            add(point, "bounds", 7, "double", many=True)
        if name != "summary":
            add(holder, "temporality", 2, "int32")
    add(numbers, "temporality", 2, "int32")
    add(numbers, "monotonic", 3, "bool")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.Request"))


_REQUEST: Final = _schema()

"""How many items each resource of an export request holds, told by protobuf's C parser without parsing the items.

The parser is given schemas in which everything below the level of interest is `bytes`: it steps over a span in 0.04 us,
where a loop in Python takes 0.17 and parsing takes 1.5, and it checks no UTF-8.
"""

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from otel_insights import wire
from otel_insights.errors import BadData, TooLarge

MOST_PARTS: Final = 100_000
"""Resources, scopes and (of metrics) metrics in one request; honest ones have thousands of times fewer."""
_SMALL: Final = 2 * MOST_PARTS
"""Bytes that cannot hold more parts than that: each takes a tag and a length at least."""
_DATA_KINDS: Final = {"gauge": 5, "sum": 7, "histogram": 9, "exponential_histogram": 10, "summary": 11}
"""The members of `Metric.data`; each holds its points in field 1."""


def resources(signal: str, data: bytes) -> list[tuple[bytes, int]]:
    """Tell the serialised Resource and the number of items, of every resource in order.

    Raises BadData when the framing is broken at the levels walked, and TooLarge for more parts than MOST_PARTS.
    """
    if len(data) > _SMALL:
        _check_parts(signal, data)
    try:
        return _points(data) if signal == "metrics" else _items(data)
    except DecodeError as error:
        raise BadData(f"not a valid export request of {signal}: a tag or a length in the protobuf is wrong") from error


def _check_parts(signal: str, data: bytes) -> None:
    """Refuse a request of very many tiny parts before each becomes an object: 64 MiB of them would fill 3 GB."""
    deepest = 3 if signal == "metrics" else 2
    parts = 0
    levels = [iter([(0, len(data))])]
    while levels:
        for start, end in levels[-1]:
            parts += 1
            if parts > MOST_PARTS:
                raise TooLarge(f"the request has more than {MOST_PARTS} resources, scopes and metrics")
            if len(levels) <= deepest:
                number = 1 if len(levels) == 1 else 2
                levels.append(_inside(data, start, end, number))
                break
        else:
            levels.pop()


def _inside(data: bytes, start: int, end: int, number: int) -> Iterator[tuple[int, int]]:
    """Give the places of a field's values within a message; broken framing is for the parser to tell."""
    try:
        for found, _, body, after in wire.delimited_fields(data, start, end):
            if found == number:
                yield body, after
    except BadData:
        return


def _items(data: bytes) -> list[tuple[bytes, int]]:
    return [
        # a Resource that comes twice is merged, and concatenated bytes are merged messages
        (b"".join(outer.resource), sum([len(inner.items) for inner in outer.scopes]))
        for outer in _ITEMS.FromString(data).resources
    ]


def _points(data: bytes) -> list[tuple[bytes, int]]:
    return [
        (b"".join(outer.resource), sum([_points_of(metric) for inner in outer.scopes for metric in inner.items]))
        for outer in _POINTS.FromString(data).resources
    ]


def _points_of(metric: Any) -> int:  # noqa: ANN401  # a class made at run time
    kind = metric.WhichOneof("data")
    return len(getattr(metric, kind).points) if kind else 0


def _schema(*, points: bool) -> Any:  # noqa: ANN401
    """Make the class of a request whose items are bytes, or, with `points`, metrics whose data points are."""
    kind = descriptor_pb2.FieldDescriptorProto
    package = "otel_insights.outline"
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")

    def message(name: str, **fields: tuple[int, str | None]) -> descriptor_pb2.DescriptorProto:
        made = file.message_type.add(name=name)
        for field, (number, type_name) in fields.items():
            label = kind.LABEL_REPEATED
            if type_name is None:
                made.field.add(name=field, number=number, label=label, type=kind.TYPE_BYTES)
            else:
                full = f".{package}.{type_name}"
                made.field.add(name=field, number=number, label=label, type=kind.TYPE_MESSAGE, type_name=full)
        return made

    # singular in OTLP, repeated here, so that an occurrence is not lost to the next one
    message("Request", resources=(1, "Outer"))
    message("Outer", resource=(1, None), scopes=(2, "Inner"))
    message("Inner", items=(2, "Metric" if points else None))
    if points:
        metric = message("Metric", **{name: (number, "Data") for name, number in _DATA_KINDS.items()})
        metric.oneof_decl.add(name="data")
        for field in metric.field:
            field.label = kind.LABEL_OPTIONAL
            field.oneof_index = 0
        message("Data", points=(1, None))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.Request"))


_ITEMS: Final = _schema(points=False)
_POINTS: Final = _schema(points=True)

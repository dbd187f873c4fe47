"""What protobuf's parser is told of metrics: points are bytes, and of points what is read of them (as in `outline`)."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

_PACKAGE: Final = "otel_insights.metric_schemas"
_MANY: Final = "*"
_TIMES: Final = {"start": (2, "fixed64"), "time": (3, "fixed64")}
_SCHEMA: Final[dict[str, dict[str, tuple[int, str]]]] = {
    # singular in OTLP, repeated here, so that an occurrence is not lost to the next one
    "Request": {"resources": (1, "Outer*")},
    "Outer": {"resource": (1, "bytes*"), "scopes": (2, "Inner*")},
    "Inner": {"scope": (1, "bytes*"), "metrics": (2, "Metric*")},
    "Metric": {
        "name": (1, "bytes"),
        "unit": (3, "bytes"),
        "gauge": (5, "Points|data"),
        "sum": (7, "Points|data"),
        "histogram": (9, "Points|data"),
        "exponential": (10, "Points|data"),
        "summary": (11, "Points|data"),
    },
    "Points": {"points": (1, "bytes*"), "temporality": (2, "int32"), "monotonic": (3, "bool")},
    "Number": {
        **_TIMES,
        "as_double": (4, "double|value"),
        "as_int": (6, "sfixed64|value"),
        "attributes": (7, "bytes*"),
        "flags": (8, "uint32"),
    },
    "Histogram": {
        **_TIMES,
        "count": (4, "fixed64"),
        "buckets": (6, "fixed64*"),
        "bounds": (7, "double*"),
        "attributes": (9, "bytes*"),
        "flags": (10, "uint32"),
    },
    "Side": {"offset": (1, "sint32"), "counts": (2, "uint64*")},
    "Exponential": {
        **_TIMES,
        "attributes": (1, "bytes*"),
        "count": (4, "fixed64"),
        "scale": (6, "sint32"),
        "zero": (7, "fixed64"),
        "positive": (8, "Side"),
        "negative": (9, "Side"),
        "flags": (10, "uint32"),
        "zero_threshold": (14, "double"),
    },
    "Quantile": {"quantile": (1, "double"), "value": (2, "double")},
    "Summary": {
        **_TIMES,
        "count": (4, "fixed64"),
        "quantiles": (6, "Quantile*"),
        "attributes": (7, "bytes*"),
        "flags": (8, "uint32"),
    },
    # what may follow the value of a point, and nothing else does: see `is_identity`
    "Tail": {"attributes": (7, "bytes*"), "flags": (8, "uint32")},
    "HistogramEnd": {"bounds": (7, "double*"), "attributes": (9, "bytes*"), "flags": (10, "uint32")},
}
"""By message: fields with their number, and type: `*` for repeated, `|` before the name of a oneof."""


def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name=f"{_PACKAGE}.proto", package=_PACKAGE, syntax="proto3")
    for title, fields in _SCHEMA.items():
        message = file.message_type.add(name=title)
        for name, (number, told) in fields.items():
            _add(message, name, number, told)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


def _add(message: descriptor_pb2.DescriptorProto, name: str, number: int, told: str) -> None:
    kind = descriptor_pb2.FieldDescriptorProto
    type_, _, oneof = told.rstrip(_MANY).partition("|")
    label = kind.LABEL_REPEATED if told.endswith(_MANY) else kind.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    if type_[0].isupper():
        field.type, field.type_name = kind.TYPE_MESSAGE, f".{_PACKAGE}.{type_}"
    else:
        field.type = kind.Type.Value(f"TYPE_{type_.upper()}")
    if oneof:
        if not message.oneof_decl:
            message.oneof_decl.add(name=oneof)
        field.oneof_index = 0


_POOL: Final = _pool()


def _class(name: str) -> Any:  # noqa: ANN401 - a class made at run time
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


REQUEST: Final = _class("Request")
NUMBER: Final = _class("Number")
HISTOGRAM: Final = _class("Histogram")
EXPONENTIAL: Final = _class("Exponential")
SUMMARY: Final = _class("Summary")
_TAIL: Final = _class("Tail")
_HISTOGRAM_END: Final = _class("HistogramEnd")


def is_identity(tail: bytes) -> bool:
    """Whether the end of a serialised number is attributes and flags in whole, and nothing else."""
    return _holds_only(_TAIL, tail)


def is_end_of_histogram(end: bytes) -> bool:
    """Whether the end of a serialised histogram is bounds, attributes and flags in whole, and nothing else."""
    return _holds_only(_HISTOGRAM_END, end)


def _holds_only(class_: Any, tail: bytes) -> bool:  # noqa: ANN401 - as above
    try:
        read = class_.FromString(tail)
    except DecodeError:
        return False
    read.DiscardUnknownFields()
    return int(read.ByteSize()) == len(tail)

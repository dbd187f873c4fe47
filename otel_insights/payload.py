"""What flows through the server: an export request as it came, looked into only as deep as somebody must."""

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from otel_insights import outline, wire
from otel_insights.errors import BadData
from otel_insights.wire import EVENT_NAMED_EXCEPTION, EXCEPTION_ATTRIBUTE, FEATURE_FLAG, PACKAGE_INFO

__all__ = [
    "EVENT_ATTRIBUTES",
    "EVENT_NAMED_EXCEPTION",
    "EXCEPTION_ATTRIBUTE",
    "FEATURE_FLAG",
    "LOG_RECORD_ATTRIBUTES",
    "PACKAGE_INFO",
    "SPAN_ATTRIBUTES",
    "ExportRequest",
    "Item",
    "Payload",
    "ResourceSlice",
    "Scalar",
    "Signal",
    "attribute",
    "attribute_bytes",
]

ExportRequest: TypeAlias = ExportTraceServiceRequest | ExportLogsServiceRequest | ExportMetricsServiceRequest
Scalar: TypeAlias = str | bool | int | float

SPAN_ATTRIBUTES: Final = 9
LOG_RECORD_ATTRIBUTES: Final = 6
EVENT_ATTRIBUTES: Final = 3


class Signal(enum.Enum):
    """One of the three kinds of telemetry."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"

    @property
    def message(self) -> type[ExportRequest]:
        """The class of its export requests."""
        return _REQUESTS[self]

    @property
    def grpc_method(self) -> str:
        """The path of its gRPC method."""
        service = {"traces": "trace.v1.Trace", "logs": "logs.v1.Logs", "metrics": "metrics.v1.Metrics"}[self.value]
        return f"/opentelemetry.proto.collector.{service}Service/Export"

    @property
    def http_path(self) -> str:
        """The path of its HTTP endpoint."""
        return f"/v1/{self.value}"

    @property
    def item(self) -> str:
        """What is counted of it, in the Collector's words."""
        return {"traces": "spans", "logs": "log_records", "metrics": "metric_points"}[self.value]


_REQUESTS: Final[dict[Signal, type[ExportRequest]]] = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}


@dataclass(frozen=True, slots=True)
class ResourceSlice:
    """What a request says of one resource: the serialised Resource, and how many items belong to it."""

    resource: bytes
    """b"" where the request names none. The same bytes come again and again: key dictionaries by them."""
    items: int
    """Spans, log records or data points."""


class Item:
    """A span, log record or metric in a payload, valid until the payload is edited. Compared by identity."""

    __slots__ = ("_edition", "_place", "data", "match", "resource", "scope")

    def __init__(self, data: bytes, place: wire.Place, edition: object) -> None:
        self.data = data
        """The serialised Span, LogRecord or Metric."""
        self.resource = place.resource
        """The serialised Resource, b"" if absent."""
        self.scope = place.scope
        """The serialised InstrumentationScope, b"" if absent."""
        self.match = place.match
        """Where in `data` the one match of a search begins; -1 if it has several, or was not searched for."""
        self._place = place
        self._edition = edition


class Payload:
    """One export request: its bytes, and views of them that are computed when asked for.

    Not safe for use by several threads at once. `gzipped` are the same bytes compressed, as they came, for an exporter
    to send on; they are forgotten at the first change. `replay` marks telemetry that was learnt from before: it is to
    be stamped, and not to be counted again.
    """

    __slots__ = ("_data", "_edition", "_gzipped", "_message", "_resources", "replay", "signal")

    _data: bytes
    _edition: object
    _message: ExportRequest | None
    _resources: Sequence[ResourceSlice] | None

    def __init__(self, signal: Signal, data: bytes, *, gzipped: bytes | None = None, replay: bool = False) -> None:
        self.signal = signal
        self.replay = replay
        self._gzipped = gzipped
        self._adopt(data)

    @classmethod
    def of(cls, message: ExportRequest, *, replay: bool = False) -> "Payload":
        """Make the payload that holds a message as it is now."""
        return cls(_signal_of(message), message.SerializeToString(), replay=replay)

    @property
    def data(self) -> bytes:
        """The serialised export request, edits included."""
        return self._data

    @property
    def size(self) -> int:
        """The length of `data`, in bytes."""
        return len(self._data)

    @property
    def gzipped(self) -> bytes | None:
        """`data` compressed, if it came so and is unchanged."""
        return self._gzipped

    @property
    def count(self) -> int:
        """How many spans, log records or data points it holds; raises BadData as `resources` does."""
        return sum(part.items for part in self.resources())

    def resources(self) -> Sequence[ResourceSlice]:
        """Tell its resources in order, with what they hold; a resource may come more than once.

        Raises BadData when the framing is broken at a level that was looked at: the items' insides are not.
        """
        if self._resources is None:
            self._resources = [ResourceSlice(*part) for part in outline.resources(self.signal.value, self._data)]
        return self._resources

    def search(self, needle: bytes) -> list[Item]:
        """Find the items whose bytes contain the needle, in order; what a match means is for the caller to find out.

        Costs next to nothing where the needle is absent, and nothing is checked then. Raises BadData when the framing
        is broken, and ValueError for an empty needle.
        """
        if not needle:
            raise ValueError("an empty needle is in everything: ask for items()")
        return [self._item(place) for place in wire.places_holding(self._data, needle)]

    def items(self) -> Iterator[Item]:
        """Give every item in order; raises BadData when the framing is broken. Stop iterating when you edit."""
        return (self._item(place) for place in wire.places(self._data))

    def replace(self, edits: Mapping[Item, bytes] | Iterable[tuple[Item, bytes]]) -> None:
        """Put new serialised items in place of old ones; all else stays, byte for byte. Raises as `amend` does."""
        pairs = edits.items() if isinstance(edits, Mapping) else edits
        self.amend([(item, (new,)) for item, new in pairs])

    def extend(self, additions: Iterable[tuple[Item, bytes]]) -> None:
        """Add serialised fields at the end of items. Raises as `amend` does."""
        self.amend([(item, (item.data, added)) for item, added in additions])

    def amend(self, edits: Iterable[tuple[Item, Sequence[bytes]]]) -> None:
        """Put new serialised items, given in pieces, in place of old ones.

        Items found before are void afterwards. Raises ValueError, and changes nothing, for an item that is void, that
        belongs to another payload, or that is given twice.
        """
        edition = self._edition
        places: list[tuple[wire.Place, Sequence[bytes]]] = []
        for item, pieces in edits:
            if item._edition is not edition:  # noqa: SLF001
                raise ValueError("an item from before an edit, or of another payload: search this one again")
            places.append((item._place, pieces))  # noqa: SLF001
        if places:
            resources = self._resources if self.signal is not Signal.METRICS else None
            self._change(wire.amend(self._data, places))
            self._resources = resources  # a span or log record is one, whatever is in it; a metric holds points

    def message(self) -> ExportRequest:
        """Parse the request: the same object until the payload changes. Raises BadData where it does not parse.

        One string that is no UTF-8 makes protobuf refuse the whole request, while `search` and `items` still work. Who
        changes the message says so with `rewrite`.
        """
        if self._message is None:
            try:
                self._message = self.signal.message.FromString(self._data)
            except DecodeError as error:
                raise BadData(f"not a valid {self.signal.message.__name__}: {error}") from error
        return self._message

    def rewrite(self, message: ExportRequest) -> None:
        """Take a message, as it is now, for the content; raises ValueError for another signal's."""
        if _signal_of(message) is not self.signal:
            raise ValueError(f"{type(message).__name__} is no message of {self.signal.value}")
        self._change(message.SerializeToString())
        self._message = message

    def append(self, serialised: bytes) -> None:
        """Add what a serialised export request holds, behind all that there is. Items found before are void then."""
        self._change(self._data + serialised)

    def _item(self, place: wire.Place) -> Item:
        return Item(self._data[place.item[1] : place.item[2]], place, self._edition)

    def _change(self, data: bytes) -> None:
        self._gzipped = None
        self._adopt(data)

    def _adopt(self, data: bytes) -> None:
        self._data = data
        self._edition = object()
        self._message = None
        self._resources = None

    def __repr__(self) -> str:
        return f"Payload({self.signal.value}, {self.size} bytes{', replay' if self.replay else ''})"


def attribute(key: str, value: Scalar) -> KeyValue:
    """Make an attribute; raises ValueError for an integer beyond 64 bits."""
    if isinstance(value, bool):
        return KeyValue(key=key, value=AnyValue(bool_value=value))
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    if isinstance(value, float):
        return KeyValue(key=key, value=AnyValue(double_value=value))
    return KeyValue(key=key, value=AnyValue(string_value=value))


def attribute_bytes(number: int, key: str, value: Scalar) -> bytes:
    """Serialise an attribute as a field, to be appended to a serialised item whose attributes have that number.

    >>> item_data = b""
    >>> item_data += attribute_bytes(SPAN_ATTRIBUTES, "otel_insights.exception.fingerprint", "0c9e4a1b")
    """
    # -0.0 and 0.0 are one key to a cache
    return (
        _attribute_bytes.__wrapped__(number, key, value)
        if isinstance(value, float)
        else _attribute_bytes(number, key, value)
    )


@lru_cache(maxsize=8192, typed=True)
def _attribute_bytes(number: int, key: str, value: Scalar) -> bytes:
    return wire.delimited(number, attribute(key, value).SerializeToString())


def _signal_of(message: ExportRequest) -> Signal:
    for signal, request in _REQUESTS.items():
        if isinstance(message, request):
            return signal
    raise ValueError(f"{type(message).__name__} is no export request")

"""Export requests as lines of OTLP/JSON, as the Collector's file exporter writes them; and back, byte for byte.

Protobuf's own JSON, with hexadecimal trace and span ids and enumerations as integers. What is read back serialises to
the bytes that were sent before: a server that knows records by their bytes knows them again.

Reference: "JSON Protobuf Encoding" of the OTLP specification, https://opentelemetry.io/docs/specs/otlp/
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message

_REQUESTS = {
    "resourceLogs": ("logs", "logs.v1.logs_service_pb2", "ExportLogsServiceRequest"),
    "resourceSpans": ("traces", "trace.v1.trace_service_pb2", "ExportTraceServiceRequest"),
    "resourceMetrics": ("metrics", "metrics.v1.metrics_service_pb2", "ExportMetricsServiceRequest"),
}
_IDS = frozenset({"traceId", "spanId", "parentSpanId"})
_RECORDS = {"logs": "logRecords", "traces": "spans", "metrics": "metrics"}


def line(request: Message) -> bytes:
    """Write an export request, without the line's end."""
    found = MessageToDict(request, use_integers_for_enums=True)
    _ids(found, lambda text: base64.b64decode(text).hex())
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()


def request(text: bytes) -> tuple[str, bytes]:
    """Read a line: its signal (`logs`, `traces`, `metrics`) and the serialised request. Raises ValueError."""
    found = _parsed(text)
    key = next((one for one in _REQUESTS if one in found), None)
    if key is None:
        raise ValueError("a line that holds none of " + ", ".join(_REQUESTS))
    signal, module, name = _REQUESTS[key]
    _ids(found, lambda hexadecimal: base64.b64encode(bytes.fromhex(hexadecimal)).decode())
    made: Message = getattr(import_module(f"opentelemetry.proto.collector.{module}"), name)()
    try:
        ParseDict(found, made, ignore_unknown_fields=True)
    except ParseError as error:
        raise ValueError(str(error)) from error
    return signal, made.SerializeToString()


def records(text: bytes) -> int:
    """Count the log records, spans or metrics of a line; 0 for what is none."""
    try:
        found = _parsed(text)
        return sum(
            len(scope.get(_RECORDS[signal], ()))
            for key, (signal, _, _) in _REQUESTS.items()
            for part in found.get(key, ())
            for scope in next((value for name, value in part.items() if name.startswith("scope")), ())
        )
    except (ValueError, AttributeError, TypeError):
        return 0


def _parsed(text: bytes) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("a line that is no JSON object")  # noqa: TRY004 - json raises ValueError as well
    return found


def _ids(value: object, convert: Callable[[str], str]) -> None:
    """Convert ids in place: names of fields only are keys here, attributes' names are values."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key in _IDS and isinstance(one, str):
                value[key] = convert(one)
            else:
                _ids(one, convert)
    elif isinstance(value, list):
        for one in value:
            _ids(one, convert)

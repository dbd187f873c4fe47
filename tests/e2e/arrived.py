"""What a Collector's file exporter wrote, as the protobuf library reads it: an independent witness of what arrived."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

_KINDS = {"resourceSpans": TracesData, "resourceLogs": LogsData, "resourceMetrics": MetricsData}
_IDS = {"traceId", "spanId", "parentSpanId"}
OURS = ("otel_insights.", "log.record.template")


@dataclass(frozen=True)
class Arrived:
    """A span, a log record or a metric, and everything that stands above it."""

    resource: Resource
    scope: InstrumentationScope
    schema_urls: tuple[str, str]
    item: Any

    @property
    def service(self) -> str:
        return next((one.value.string_value for one in self.resource.attributes if one.key == "service.name"), "")

    def bare(self) -> tuple[bytes, ...]:
        """Give it as bytes, field by field as it is but for the attributes that we add."""
        item = type(self.item)()
        item.CopyFrom(self.item)
        for attributes in _attributes(item):
            kept = [one for one in attributes if not one.key.startswith(OURS)]
            del attributes[:]
            attributes.extend(kept)
        parts: tuple[Message, ...] = (self.resource, self.scope, item)
        return *(part.SerializeToString(deterministic=True) for part in parts), *map(str.encode, self.schema_urls)

    def stamps(self) -> set[str]:
        """Name the attributes that we add, on it and on its events."""
        return {one.key for attributes in _attributes(self.item) for one in attributes if one.key.startswith(OURS)}


def read(file: Path) -> list[Arrived]:
    """Read all that a file holds; a last line that is still being written is left out."""
    return [arrived for line in _lines(file) for arrived in _flat(line)]


def span_ids(file: Path, signal: str = "spans") -> Counter[str]:
    """Count the spans in a file by id, or the log records of the apps by that of their span; fast."""
    above, below = {"spans": ("resourceSpans", "scopeSpans"), "logRecords": ("resourceLogs", "scopeLogs")}[signal]
    return Counter(
        item["spanId"]
        for line in _lines(file)
        for resource in line.get(above, ())
        for scope in resource[below]
        if not scope["scope"].get("name", "").startswith("otel_insights")
        for item in scope[signal]
    )


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    if file.exists():
        with file.open() as lines:
            yield from (json.loads(line) for line in lines if line.endswith("\n"))


def _flat(line: dict[str, Any]) -> Iterable[Arrived]:
    (key,) = line
    data = ParseDict(_with_base64_ids(line), _KINDS[key]())
    for resource in getattr(data, data.DESCRIPTOR.fields[0].name):
        for scope in getattr(resource, resource.DESCRIPTOR.fields_by_number[2].name):
            urls = (resource.schema_url, scope.schema_url)
            for item in getattr(scope, scope.DESCRIPTOR.fields_by_number[2].name):
                yield Arrived(resource.resource, scope.scope, urls, item)


def _with_base64_ids(value: Any) -> Any:
    """Write ids as protobuf's own JSON has them; OTLP's are hexadecimal (specification, JSON Protobuf Encoding)."""
    if isinstance(value, list):
        return [_with_base64_ids(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64encode(bytes.fromhex(one)).decode() if key in _IDS else _with_base64_ids(one)
        for key, one in value.items()
    }


def _attributes(item: Any) -> Iterator[Any]:
    """Give the attributes of a span or a log record and of its events; those of a metric stand on its points."""
    if hasattr(item, "attributes"):
        yield item.attributes
    for event in getattr(item, "events", ()):
        yield event.attributes

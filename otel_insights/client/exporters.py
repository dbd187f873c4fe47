"""Which exporters OTEL_* ask for; OTLP over HTTP where they ask for nothing.

gRPC only when it is asked for: forking while its exporter runs has hung children.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from otel_insights.client.guard import guarded, once

_T = TypeVar("_T")
_MODULES = {
    "traces": ("trace_exporter", "OTLPSpanExporter"),
    "logs": ("_log_exporter", "OTLPLogExporter"),
    "metrics": ("metric_exporter", "OTLPMetricExporter"),
}


@dataclass(frozen=True, slots=True)
class Fan(Generic[_T]):
    """Exports to all of several exporters, or to none."""

    exporters: Sequence[Any]

    def export(self, batch: Sequence[_T]) -> bool:
        """Whether all took the batch."""
        answers = [one.export(batch).value for one in self.exporters]
        return not any(answers)

    def shutdown(self) -> None:
        """Abort what they are at."""
        for one in self.exporters:
            guarded(one.shutdown)()


def fan(signal: str, endpoint: str | None, headers: Mapping[str, str] | None) -> Fan[Any]:
    """Make the exporters of `traces`, `logs` or `metrics`; `endpoint` is a base URL, and wins over variables."""
    names = [name.strip() for name in os.environ.get(f"OTEL_{signal.upper()}_EXPORTER", "").split(",")]
    chosen = [name for name in names if name] or ["otlp"]
    made = [guarded(_make)(signal, name, endpoint, headers) for name in chosen if name.lower() != "none"]
    return Fan([one for one in made if one is not None])


def _make(signal: str, name: str, endpoint: str | None, headers: Mapping[str, str] | None) -> Any:  # noqa: ANN401 - the exporters share no type
    if name not in {"otlp", "otlp_proto_http", "otlp_proto_grpc"}:
        return _named(signal, name)
    grpc = name == "otlp_proto_grpc" or (name == "otlp" and _protocol(signal) == "grpc")
    given = dict(headers) if headers else None
    if grpc and (made := _otlp("grpc", signal, endpoint=endpoint, headers=given)) is not None:
        return made
    made = _otlp("http", signal, endpoint=endpoint and f"{endpoint.rstrip('/')}/v1/{signal}", headers=given)
    if made is None:
        raise ImportError("opentelemetry-exporter-otlp-proto-http")
    return made


def _protocol(signal: str) -> str:
    own = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "").strip()
    return own or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "").strip()


def _otlp(protocol: str, signal: str, **arguments: object) -> Any:  # noqa: ANN401 - as above
    module, class_ = _MODULES[signal]
    try:
        found = importlib.import_module(f"opentelemetry.exporter.otlp.proto.{protocol}.{module}")
    except ImportError:
        once(f"loading the OTLP exporter for {protocol}")
        return None
    return getattr(found, class_)(**arguments)


def _named(signal: str, name: str) -> Any:  # noqa: ANN401 - as above
    return offered(f"opentelemetry_{signal}_exporter", name)()


def offered(group: str, name: str) -> Any:  # noqa: ANN401 - may be anything
    """Load what some distribution offers under a name; raises ValueError if none does."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow, and seldom needed

    for entry in entry_points(group=group, name=name):
        return entry.load()
    raise ValueError(f"expected a name that an installed distribution has in {group}, got {name!r}")

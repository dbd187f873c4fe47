"""What an application calls: instrument() and what reports through it. Stdlib and OpenTelemetry only."""

from otel_insights.client.decorator import exception_telemetry
from otel_insights.client.instrumentation import (
    flush,
    instrument,
    record_event,
    record_exception,
    shutdown,
    uninstrument,
)

__all__ = [
    "exception_telemetry",
    "flush",
    "instrument",
    "record_event",
    "record_exception",
    "shutdown",
    "uninstrument",
]

"""Runs a program with OpenTelemetry's own SDK: what an application does to be explained. `instrumented.py MODULE`.

Where to send and who this is come from the environment (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME,
OTEL_RESOURCE_ATTRIBUTES), as everywhere. What is special is one log event `package.info` for each installed package.
"""

from __future__ import annotations

import importlib
import platform
import sys
import time
from importlib.metadata import distributions

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

REQUESTS = 20


def main(module: str) -> int:
    """Serve some requests; the exit code tells whether they all went well."""
    resource = Resource.create({"process.runtime.version": platform.python_version(), "host.arch": platform.machine()})
    logs, traces = LoggerProvider(resource=resource), TracerProvider(resource=resource)
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    announce_packages(logs)
    failed = serve(traces, module)
    logs.shutdown()
    traces.shutdown()
    return 1 if failed else 0


def announce_packages(logs: LoggerProvider) -> None:
    """Tell what is installed."""
    logger = logs.get_logger("incompatibilities")
    for one in distributions():
        logger.emit(
            LogRecord(
                timestamp=time.time_ns(),
                severity_number=SeverityNumber.INFO,
                event_name="package.info",
                attributes={"package.name": one.metadata["Name"], "package.version": one.version},
            )
        )


def serve(traces: TracerProvider, module: str) -> int:
    """Do the work in a span for each request, which records what it raises; how many failed."""
    work, failed = importlib.import_module(module).work, 0
    for _ in range(REQUESTS):
        try:
            with traces.get_tracer("incompatibilities").start_as_current_span("GET /orders"):
                work()
        except Exception:  # noqa: BLE001 - a server goes on with the next request
            failed += 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

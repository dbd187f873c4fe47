"""An application as people have it: the OpenTelemetry SDK, all three signals, and failures now and then.

Run as a process of its own: `python app.py --to URL [--to URL] --diary FILE [--rounds N]`, until SIGTERM where N is 0.
With several `--to` each gets the very same objects. The diary has a JSON line a round: the ids of its spans, those of
them that have a log record, and how many exceptions were raised. Each of these is one occurrence, in whichever way it
is told: by a span, by a log record, or by several of them.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc import _log_exporter as grpc_logs
from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as grpc_metrics
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_traces
from opentelemetry.exporter.otlp.proto.http import _log_exporter as http_logs
from opentelemetry.exporter.otlp.proto.http import metric_exporter as http_metrics
from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_traces
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

SPANS_A_ROUND = 200
FAILING_EVERY = 10
EXCEPTIONS_A_ROUND = SPANS_A_ROUND // FAILING_EVERY


class Tee:
    """Exports the same objects to several places, and remembers whether any failed."""

    def __init__(self, exporters: Sequence[Any]) -> None:
        self.exporters = exporters
        self.failed = False

    def export(self, items: Any, **more: Any) -> Any:
        results = [exporter.export(items, **more) for exporter in self.exporters]
        self.failed |= any(result.name != "SUCCESS" for result in results)
        return results[0]

    def shutdown(self, *_: Any, **__: Any) -> None:
        for exporter in self.exporters:
            exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


class MetricTee(Tee, MetricExporter):
    """A Tee with what readers of metrics ask their exporter for."""

    def __init__(self, exporters: Sequence[Any]) -> None:
        MetricExporter.__init__(self)
        Tee.__init__(self, exporters)

    def export(self, metrics_data: Any, timeout_millis: float = 10_000, **more: Any) -> Any:
        return Tee.export(self, metrics_data, **more)

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        Tee.shutdown(self)


@dataclass
class App:
    urls: Sequence[str]
    protocol: str
    tees: list[Tee] = field(default_factory=list)
    number: int = 0
    logged: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        resource = Resource.create(
            {"service.name": "shop", "service.namespace": "e2e", "service.instance.id": "shop-1", "cpu.count": 2}
        )
        grpc = self.protocol == "grpc"
        spans = Tee(self._exporters(grpc_traces.OTLPSpanExporter if grpc else http_traces.OTLPSpanExporter, "traces"))
        logs = Tee(self._exporters(grpc_logs.OTLPLogExporter if grpc else http_logs.OTLPLogExporter, "logs"))
        metrics = MetricTee(
            self._exporters(grpc_metrics.OTLPMetricExporter if grpc else http_metrics.OTLPMetricExporter, "metrics")
        )
        self.tees = [spans, logs, metrics]
        self.traces = TracerProvider(resource=resource)
        self.traces.add_span_processor(BatchSpanProcessor(spans))
        self.logs = LoggerProvider(resource=resource)
        self.logs.add_log_record_processor(BatchLogRecordProcessor(logs))
        reader = PeriodicExportingMetricReader(metrics, export_interval_millis=3_600_000)
        self.metrics = MeterProvider([reader], resource=resource)
        self.tracer = self.traces.get_tracer(
            "shop.orders", "1.2.3", schema_url="https://opentelemetry.io/schemas/1.37.0"
        )
        self.logger = self.logs.get_logger("shop.orders", "1.2.3")
        meter = self.metrics.get_meter("shop.orders", "1.2.3")
        self.orders = meter.create_counter("orders", unit="{order}", description="Orders that came in")
        self.duration = meter.create_histogram("order.duration", unit="s")

    def _exporters(self, make: Callable[..., Any], signal_: str) -> list[Any]:
        if self.protocol == "grpc":
            return [make(endpoint=url, insecure=True) for url in self.urls]
        return [make(endpoint=f"{url}/v1/{signal_}") for url in self.urls]

    def round(self) -> dict[str, Any]:
        """Handle some orders, flush everything, and tell what was done."""
        spans: list[str] = []
        exceptions = 0
        self.logged = []
        for _ in range(SPANS_A_ROUND):
            self.number += 1
            fails = self.number % FAILING_EVERY == 0
            spans += self._fail() if fails else [self._succeed()]
            exceptions += fails
        done = [self.traces.force_flush(), self.logs.force_flush(), self.metrics.force_flush()]
        if not all(done) or any(tee.failed for tee in self.tees):
            raise SystemExit(f"not everything was exported: {done}, {[tee.failed for tee in self.tees]}")
        return {"spans": spans, "logs": self.logged, "exceptions": exceptions}

    def _succeed(self) -> str:
        self.orders.add(1, {"kind": "book"})
        self.duration.record(0.001 * (self.number % 100), {"kind": "book"})
        with self.tracer.start_as_current_span("order", attributes={"order": self.number, "items": ["a", "b"]}) as span:
            span.add_event("packed", {"weight": 1.5})
            if self.number % FAILING_EVERY == 1:
                self._log(f"order {self.number} is packed", {})
        return _id(span)

    def _fail(self) -> list[str]:
        """Fail in one of four ways; told by a span, by nested spans, by a log record alone, or by a span and a log."""
        way = FAILURES[self.number // FAILING_EVERY % len(FAILURES)]
        telling = self.number // FAILING_EVERY % 5
        record = telling != 0
        spans: list[str] = []
        try:
            with self.tracer.start_as_current_span("order", record_exception=record) as span:
                spans.append(_id(span))
                if telling == 1:
                    with self.tracer.start_as_current_span("inner") as inner:
                        spans.append(_id(inner))
                        way(self.number)
                try:
                    way(self.number)
                except Exception as error:
                    if telling in (0, 2):
                        self._log("an order failed", _described(error))
                    raise
        except Exception:  # noqa: BLE001 - as an application's outermost handler
            self.orders.add(1, {"kind": "lost"})
        return spans

    def _log(self, text: str, attributes: dict[str, Any]) -> None:
        self.logged.append(_id(trace.get_current_span()))
        severity = SeverityNumber.ERROR if attributes else SeverityNumber.INFO
        self.logger.emit(
            LogRecord(body=text, severity_number=severity, severity_text=severity.name, attributes=attributes)
        )


def _id(span: trace.Span) -> str:
    return f"{span.get_span_context().span_id:016x}"


def _described(error: Exception) -> dict[str, Any]:
    return {
        "exception.type": type(error).__qualname__,
        "exception.message": str(error),
        "exception.stacktrace": "".join(traceback.format_exception(error)),
    }


def charge(number: int) -> None:
    raise ValueError(f"card of order {number} was declined")


def look_up(number: int) -> None:
    {}[f"order-{number}"]


def connect(number: int) -> None:
    raise ConnectionError(f"warehouse 10.0.0.{number % 250}:5432 does not answer")


def divide(number: int) -> None:
    number / 0


FAILURES = (charge, look_up, connect, divide)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", action="append", required=True)
    parser.add_argument("--protocol", choices=["grpc", "http"], default="grpc")
    parser.add_argument("--diary", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--pause", type=float, default=0.1, help="seconds between rounds")
    chosen = parser.parse_args()
    enough = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: enough.set())
    app = App(chosen.to, chosen.protocol)
    with chosen.diary.open("a") as diary:
        while not enough.is_set():
            diary.write(json.dumps(app.round()) + "\n")
            diary.flush()
            chosen.rounds -= 1
            if chosen.rounds == 0:
                break
            enough.wait(chosen.pause)


if __name__ == "__main__":
    sys.exit(main())

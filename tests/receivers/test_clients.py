"""Clients that others have written: the SDKs' exporters in Python and JavaScript."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from doors import doors
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_insights.payload import Signal


def send_all(spans, logs, metrics) -> None:
    """Use the SDK as an application does."""
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    with pytest.raises(ZeroDivisionError), tracers.get_tracer("test").start_as_current_span("work"):
        _ = 1 / 0
    tracers.shutdown()

    loggers = LoggerProvider()
    loggers.add_log_record_processor(SimpleLogRecordProcessor(logs))
    loggers.get_logger("test").emit(body="hello", severity_number=SeverityNumber.INFO)
    loggers.shutdown()

    meters = MeterProvider([PeriodicExportingMetricReader(metrics, export_interval_millis=float("inf"))])
    meters.get_meter("test").create_counter("calls").add(3)
    assert meters.force_flush()
    meters.shutdown()


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_python_sdk_sends_all_three_signals(host, protocol, compression):
    import grpc

    async with doors(host) as both:
        if protocol == "grpc":
            made = grpc.Compression.Gzip if compression == "gzip" else grpc.Compression.NoCompression
            options = {"endpoint": f"http://{both.grpc_receiver.address}", "compression": made}
            exporters = [made(**options) for made in (GrpcSpans, GrpcLogs, GrpcMetrics)]
        else:
            options = {"compression": Compression(compression)}
            exporters = [
                made(endpoint=both.url + signal.http_path, **options)
                for made, signal in ((HttpSpans, Signal.TRACES), (HttpLogs, Signal.LOGS), (HttpMetrics, Signal.METRICS))
            ]
        await asyncio.wait_for(asyncio.to_thread(send_all, *exporters), 30)
    (span,) = both.sink.spans()
    assert span.events[0].name == "exception"
    assert [one.body.string_value for one in both.sink.logs()] == ["hello"]
    assert sorted(payload.signal.value for payload in both.sink.got) == ["logs", "metrics", "traces"]


def node_modules() -> Path:
    """Install the JavaScript SDK once, outside the repository; where that cannot be, skip and say so."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not on this machine")
    manifest = Path(__file__).parent / "js" / "package.json"
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "otel-insights-tests" / f"js-{hashlib.sha256(manifest.read_bytes()).hexdigest()[:12]}"
    if not (folder / "installed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(manifest, folder)
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
        if done.returncode:
            pytest.skip(f"npm could not install the JavaScript SDK: {done.stderr[-300:]}")
        (folder / "installed").touch()
    return folder


async def test_javascript_sdk_sends_by_grpc_json_and_gzipped_protobuf(host):
    folder = await asyncio.to_thread(node_modules)
    script = Path(__file__).parent / "js" / "send.js"
    async with doors(host) as both:
        command = ["node", str(script), f"http://{both.grpc_receiver.address}", both.url]
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "MODULES": str(folder)},
        )
    assert done.returncode == 0, done.stderr
    assert [one.name for one in both.sink.spans()] == ["grpc", "json", "proto"]
    assert all(one.events[0].name == "exception" for one in both.sink.spans())

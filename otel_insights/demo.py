"""`demo`: the main job on real telemetry, over real sockets, in one process and a few seconds."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import quote

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from otel_insights import semconv
from otel_insights.component import Accepted, ComponentId, Host
from otel_insights.components import Registry
from otel_insights.config import read
from otel_insights.demo_fleet import ATTEMPTS, INSTANCES, Built, failed_request, incompatibilities, telemetry
from otel_insights.demo_panels import cluster_panel, finding_panel, span_panel, suggestion_panel
from otel_insights.errors import ConfigError
from otel_insights.otlp_lines import Writer
from otel_insights.payload import Payload, Signal
from otel_insights.receivers.otlp_grpc import OtlpGrpc, OtlpGrpcSettings
from otel_insights.run import Running
from otel_insights.selfmetrics import SelfMetrics
from otel_insights.store import clusters, suggestions

DEFAULT = "numpy2_abi_pandas"
_PATIENCE = 20.0
_CONFIG = """
receivers:
  otlp_grpc: {{endpoint: "127.0.0.1:0"}}
  insights: {{poll_interval: 100ms}}
processors: {{memory_limiter: , environments: , exceptions: , suggestions: }}
exporters:
  otlp: {{endpoint: "http://{back_end}", protocol: grpc}}
store: {{url: "sqlite:///{store}"}}
api: {{endpoint: "127.0.0.1:0"}}
service:
  pipelines:
    traces:
      receivers: [otlp_grpc]
      processors: [memory_limiter, environments, exceptions, suggestions]
      exporters: [otlp]
    logs:
      receivers: [otlp_grpc, insights]
      processors: [memory_limiter, environments, exceptions, suggestions]
      exporters: [otlp]
"""


async def demo(name: str, registry: Registry, console: Console, *, keep: bool = False) -> int:
    """Show it all. The exit code: 0 when what was to be shown was seen, 1 otherwise. Raises ConfigError for a name.

    With `keep`, the store and what was sent stay in a folder that is named at the end; else nothing stays.
    """
    known = incompatibilities()
    if name not in known:
        raise ConfigError("--incompatibility", f"one of {', '.join(known)}", name)
    # else gRPC sends even loopback through a proxy that the environment names; it knows the lower-case spelling only
    os.environ["no_grpc_proxy"] = "127.0.0.1"  # noqa: SIM112
    with _folder(console, keep=keep) as folder:
        async with AsyncExitStack() as stack:
            back_end = BackEnd()
            address = await back_end.start()
            stack.push_async_callback(back_end.stop)
            config = read(_CONFIG.format(back_end=address, store=quote(str(folder / "insights.db"))), registry)
            running = await Running.start(config, registry)
            stack.push_async_callback(running.stop)
            sent = stack.enter_context(Writer(folder / "telemetry.jsonl"))
            return await _Show(name, known[name], running, back_end, sent, console).run()


@contextmanager
def _folder(console: Console, *, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="otel-insights-demo-"))
    try:
        yield folder
        if keep:
            console.print("\nKept: the store, and what was sent (for `otel-insights analyze`)")
            for file in ("insights.db", "telemetry.jsonl"):
                console.print(f"  {folder / file}", highlight=False, markup=False, soft_wrap=True)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(slots=True)
class BackEnd:
    """Plays Jaeger and Loki: an OTLP receiver that keeps what arrives."""

    metrics: SelfMetrics = field(default_factory=SelfMetrics)
    """All that the receiver asks of its host."""
    got: list[Payload] = field(default_factory=list)
    _receiver: OtlpGrpc = field(init=False)

    async def start(self) -> str:
        """Listen, and tell where."""
        self._receiver = OtlpGrpc(ComponentId("otlp_grpc", "back_end"), OtlpGrpcSettings(endpoint="127.0.0.1:0"))
        await self._receiver.start(cast("Host", self))
        await self._receiver.serve(dict.fromkeys(Signal, self._keep))
        return self._receiver.address

    async def stop(self) -> None:
        """Close."""
        await self._receiver.stop()

    async def _keep(self, payload: Payload) -> Accepted:
        self.got.append(payload)
        return Accepted()

    def span(self) -> Span | None:
        """Give the span that arrived last."""
        for payload in reversed(self.got):
            if isinstance(request := payload.message(), ExportTraceServiceRequest):
                return request.resource_spans[-1].scope_spans[-1].spans[-1]
        return None

    def findings(self, event: str) -> list[LogRecord]:
        """Give the log events of a name that arrived."""
        requests = [payload.message() for payload in self.got]
        return [
            record
            for request in requests
            if isinstance(request, ExportLogsServiceRequest)
            for part in request.resource_logs
            for scope in part.scope_logs
            for record in scope.log_records
            if record.event_name == event
        ]


@dataclass(slots=True)
class _Show:
    name: str
    fleet: list[Built]
    running: Running
    back_end: BackEnd
    sent: Writer
    console: Console
    _steps: int = 0

    async def run(self) -> int:
        began = time.monotonic()
        (where,) = [one.address for one in self.running.service.receivers.values() if isinstance(one, OtlpGrpc)]
        self._step(f"otel-insights listens for OTLP on {where}, with its API on {self.running.api_url}.")
        self._note("Behind it listens a back end that keeps what arrives.")
        async with grpc.aio.insecure_channel(where) as channel:
            await self._send_all(channel)
            await self.running.service.analyse()
            self._step("It grouped the exceptions, and compared who fails with who is healthy.")
            failing = next(number for number, built in enumerate(self.fleet) if built.exception)
            again = failed_request(self.fleet[failing], f"{failing}-0", ATTEMPTS, time.time_ns())
            await self._send(channel, again)
            self._step("One more request failed. This one went through stamped.")
        complete = await self._show()
        self.console.print(f"\n[dim]{time.monotonic() - began:.1f} seconds, on loopback only[/dim]", highlight=False)
        return 0 if complete else 1

    async def _send_all(self, channel: grpc.aio.Channel) -> None:
        records = 0
        for payload in telemetry(self.fleet, time.time_ns()):
            await self._send(channel, payload)
            records += payload.count
        failing = sum(built.exception is not None for built in self.fleet)
        self._step(
            f"{len(self.fleet)} environments that were really built and run, {failing} of which failed"
            f" ({self.name}), sent {records} spans and log records over gRPC."
        )
        self._note(
            f"Each was run once and stands for {INSTANCES} instances here, so read the numbers below as those of a"
            f" fleet of {INSTANCES * len(self.fleet)}: copies are no evidence of their own."
        )

    async def _send(self, channel: grpc.aio.Channel, payload: Payload) -> None:
        await channel.unary_unary(payload.signal.grpc_method)(payload.data, timeout=_PATIENCE)
        self.sent.write(payload)

    async def _show(self) -> bool:
        """Print all that was found; tell whether it is complete."""
        store = self.running.service.store
        established = False
        for cluster in await store.read(clusters.page):
            said = await store.read(suggestions.of_cluster, cluster.id)
            silence = await store.read(suggestions.silence_of, cluster.id)
            self.console.print()
            self.console.print(cluster_panel(cluster, silence[1] if silence else None))
            for one in said[:1]:
                established |= one.tier == "established"
                self.console.print(suggestion_panel(one.body))
        event = semconv.SUGGESTION_CREATED
        findings = await _until(lambda: self.back_end.findings(event)) if established else []
        span = self.back_end.span()
        if span is not None:
            self.console.print(span_panel(span))
        for record in findings[:1]:
            self.console.print(finding_panel(record))
        self._suggest()
        return bool(findings and span is not None and any(one.key == semconv.CLUSTER_ID for one in span.attributes))

    def _suggest(self) -> None:
        others = [name for name in incompatibilities() if name != self.name]
        self.console.print("\n[bold]Next[/bold]")
        for command, why in (
            (f"otel-insights demo --incompatibility {others[-1]}", f"what else really happened: {', '.join(others)}"),
            ("otel-insights run", "behind your own Collector: see otel-collector-config.yaml"),
            (
                "otel-insights analyze telemetry.jsonl --report report.json",
                "files of the Collector's file exporter, or what `demo --keep` leaves",
            ),
        ):
            self.console.print(f"  {command}", highlight=False, soft_wrap=True)
            self.console.print(Padding(Text(why, "dim"), (0, 0, 0, 6)))

    def _step(self, text: str) -> None:
        self._steps += 1
        grid = Table.grid(padding=(0, 1))
        grid.add_row(Text(f"{self._steps}.", "bold cyan"), Text(text))
        self.console.print(grid)

    def _note(self, text: str) -> None:
        self.console.print(Padding(Text(text, "dim"), (0, 0, 0, 3)))


async def _until(found: Callable[[], list[LogRecord]]) -> list[LogRecord]:
    """Wait until something is found, within bounds."""
    deadline = time.monotonic() + _PATIENCE
    while not found() and time.monotonic() < deadline:  # noqa: ASYNC110 - it comes over a socket
        await asyncio.sleep(0.05)
    return found()

"""`demo`: the main job on real telemetry, over real sockets, in one process and a few seconds."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from otel_insights import semconv
from otel_insights.component import Accepted, ComponentId, Kind
from otel_insights.components import Registry
from otel_insights.config import read
from otel_insights.demo_fleet import INSTANCES, Built, failed_request, incompatibilities, telemetry
from otel_insights.environment import text_of
from otel_insights.payload import Payload, Signal
from otel_insights.run import Running
from otel_insights.selfmetrics import SelfMetrics
from otel_insights.store import clusters, suggestions

DEFAULT = "numpy2_abi_pandas"
_PATIENCE = 20.0
_MOST_TOLD = 10_000.0
"""Where a risk ratio ends (`Suggestion.risk_ratio`): no healthy environment meets the conditions."""
_CONFIG = """
receivers:
  otlp_grpc: {{endpoint: "127.0.0.1:0"}}
  insights: {{poll_interval: 100ms}}
processors: {{memory_limiter: {{}}, environments: {{}}, exceptions: {{}}, suggestions: {{}}}}
exporters:
  otlp: {{endpoint: "http://{back_end}", protocol: grpc}}
store: {{url: "sqlite:///{store}"}}
api: {{endpoint: "127.0.0.1:0"}}
service:
  telemetry: {{logs: {{level: error}}}}
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


@dataclass(slots=True)
class BackEnd:
    """Plays Jaeger and Loki: an OTLP receiver that keeps what arrives. A host, too, of that receiver."""

    registry: Registry
    metrics: SelfMetrics = field(default_factory=SelfMetrics)
    got: list[Payload] = field(default_factory=list)
    _receiver: Any = None

    async def start(self) -> str:
        """Listen, and tell where."""
        factory = self.registry.find(Kind.RECEIVER, "otlp_grpc")
        self._receiver = factory.build(ComponentId("otlp_grpc", "back_end"), factory.settings(endpoint="127.0.0.1:0"))
        await self._receiver.start(self)
        await self._receiver.serve(dict.fromkeys(Signal, self._keep))
        return str(self._receiver.address)

    async def stop(self) -> None:
        """Close."""
        await self._receiver.stop()

    async def _keep(self, payload: Payload) -> Accepted:
        self.got.append(payload)
        return Accepted()

    def spans(self) -> Iterable[Any]:
        """Give the spans that arrived, newest first."""
        for payload in reversed(self.got):
            if payload.signal is Signal.TRACES:
                for part in payload.message().resource_spans:  # type: ignore[union-attr]
                    yield from part.scope_spans[0].spans

    def findings(self, event: str) -> list[Any]:
        """Give the log events of a name that arrived."""
        return [
            record
            for payload in self.got
            if payload.signal is Signal.LOGS
            for part in payload.message().resource_logs  # type: ignore[union-attr]
            for record in part.scope_logs[0].log_records
            if record.event_name == event
        ]


async def demo(name: str, registry: Registry, console: Console, *, keep: bool = False) -> int:
    """Show it all. The exit code: 0 when what was to be shown was seen, 1 otherwise, 2 for an unknown name."""
    known = incompatibilities()
    if name not in known:
        console.print(f"--incompatibility: expected one of {', '.join(known)}, got {name!r}", style="red")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="otel-insights-demo-"))
    back_end = BackEnd(registry)
    try:
        address = await back_end.start()
        config = read(_CONFIG.format(back_end=address, store=folder / "insights.db"), registry)
        running = await Running.start(config, registry)
        try:
            return await _Show(name, known[name], running, back_end, console).run()
        finally:
            await running.stop()
    finally:
        await back_end.stop()
        if keep:
            console.print(f"\nThe store is kept: {folder / 'insights.db'}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(slots=True)
class _Show:
    name: str
    fleet: list[Built]
    running: Running
    back_end: BackEnd
    console: Console
    _steps: int = 0

    async def run(self) -> int:
        began = time.monotonic()
        receiver = next(one for one in self.running.service.receivers.values() if one.id.type == "otlp_grpc")
        where: str = receiver.address  # type: ignore[attr-defined]
        failing = [built for built in self.fleet if built.exception]
        self._step(
            f"otel-insights listens for OTLP on {where}, with its API on {self.running.api_url};"
            " a back end waits behind it"
        )
        async with grpc.aio.insecure_channel(where) as channel:
            sent = 0
            for payload in telemetry(self.fleet, time.time_ns()):
                await _send(channel, payload)
                sent += payload.count
            self._step(
                f"{len(self.fleet)} environments that were really built and run ({self.name}; {len(failing)} of them"
                f" failed) sent {sent} records over the wire, each as {INSTANCES} instances"
            )
            await self.running.service.analyse()
            self._step("exceptions are grouped, and each group is compared with the environments that are healthy")
            await _send(channel, failed_request(failing[0], self.fleet.index(failing[0]) * INSTANCES, time.time_ns()))
            self._step("one more request failed, and passed through stamped")
        complete = await self._show()
        self.console.print(f"\n[dim]{time.monotonic() - began:.1f} seconds, on loopback only[/dim]")
        return 0 if complete else 1

    def _step(self, text: str) -> None:
        self._steps += 1
        self.console.print(Text.assemble((f"{self._steps}. ", "bold cyan"), text))

    async def _show(self) -> bool:
        store = self.running.service.store
        established = False
        for cluster in await store.read(clusters.page):
            said = await store.read(suggestions.of_cluster, cluster.id)
            self.console.print()
            self.console.print(_cluster_panel(cluster))
            for one in said[:1]:
                established |= one.tier == "established"
                self.console.print(_suggestion_panel(one.body))
        event = semconv.SUGGESTION_CREATED
        findings = await _until(lambda: self.back_end.findings(event)) if established else []
        span = next(iter(self.back_end.spans()), None)
        if span is not None:
            self.console.print(_span_panel(span))
        for record in findings[:1]:
            self.console.print(
                Panel(
                    Text.assemble((f"{record.event_name}\n", "bold"), record.body.string_value),
                    title="the finding, as an OTLP log record in the back end",
                    title_align="left",
                )
            )
        self.console.print(_NEXT, highlight=False)
        return bool(findings and span is not None and any(one.key == semconv.CLUSTER_ID for one in span.attributes))


async def _send(channel: grpc.aio.Channel, payload: Payload) -> None:
    await channel.unary_unary(payload.signal.grpc_method)(payload.data, timeout=_PATIENCE)


async def _until(found: Callable[[], list[Any]]) -> list[Any]:
    """Wait until something is found, within bounds."""
    deadline = time.monotonic() + _PATIENCE
    while not found() and time.monotonic() < deadline:  # noqa: ASYNC110 - it comes over a socket
        await asyncio.sleep(0.05)
    return found()


def _cluster_panel(cluster: clusters.Cluster) -> Panel:
    table = Table.grid(padding=(0, 2))
    for key, value in (
        ("cluster", cluster.id),
        ("what", cluster.title),
        ("occurrences", f"{cluster.count:g}, each raise once"),
        ("environments", str(cluster.environments)),
        ("services", ", ".join(cluster.services)),
    ):
        table.add_row(Text(key, "dim"), Text(value, "bold" if key == "what" else ""))
    return Panel(table, title="a group of exceptions", title_align="left", border_style="red")


def _suggestion_panel(body: Any) -> Panel:  # noqa: ANN401 - as it is stored
    table = Table.grid(padding=(0, 2))
    conditions = " and ".join(f"{one['key']} {one['op']} {one['value']}".strip() for one in body["conditions"])
    remedy = body["remedy"]
    rows = [
        ("conditions", conditions),
        ("failing", f"{body['failing'][0]} of {body['failing'][1]} failing environments meet them"),
        ("healthy", f"{body['healthy'][0]} of {body['healthy'][1]} healthy environments do"),
        ("risk ratio", f"{body['risk_ratio']:,.4g}" if body["risk_ratio"] < _MOST_TOLD else "beyond all measure"),
        ("p (family-wise)", f"{body['p_value']:.2g}, over every condition that was tried"),
    ]
    if remedy:
        healthy = f"{remedy['healthy_environments']} environments were seen healthy with it"
        rows.append(("remedy", f"{remedy['key']} {remedy['op']} {remedy['value']}: {healthy}"))
    for key, value in rows:
        table.add_row(Text(key, "dim"), Text(value, "bold green" if key in ("remedy", "conditions") else ""))
    text = Table.grid()
    text.add_row(table)
    text.add_row(Text("\n" + str(body["text"]), "italic"))
    return Panel(text, title=f"what explains it ({body['tier']})", title_align="left", border_style="green")


def _span_panel(span: Any) -> Panel:  # noqa: ANN401 - a protobuf message
    lines = Text.assemble((span.name, "bold"), f"  trace {span.trace_id.hex()}\n")
    for key, value in text_of(span.attributes).items():
        lines.append(f"  {key} = {value}\n", "bold yellow" if key.startswith("otel_insights.") else "dim")
    lines.append("  event exception\n")
    for key, value in text_of(span.events[0].attributes).items():
        first = value.splitlines()[0] if value else ""
        lines.append(f"    {key} = {first}\n", "bold yellow" if key.startswith("otel_insights.") else "dim")
    lines.rstrip()
    return Panel(lines, title="the span, as the back end sees it", title_align="left", border_style="yellow")


_NEXT = """
[bold]Next[/bold]
  otel-insights demo --incompatibility fastapi_pydantic2
      another one that really happened
  otel-insights run
      behind your own Collector: see otel-collector-config.yaml
  otel-insights analyze telemetry.jsonl --report report.json
      what the Collector's file exporter has written"""

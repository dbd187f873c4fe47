"""`analyze`: the batch twin of `run`, the same processors over files instead of sockets.

The files are read twice. The first reading learns; then the analysis runs; the second reading goes through the very
same pipeline to be stamped with what is known now. Since every observation is counted once, it adds nothing.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from otel_insights import chain
from otel_insights.component import Accepted, ComponentId, Consume, Exporter, Kind, Processor
from otel_insights.components import Registry
from otel_insights.errors import BadData
from otel_insights.otlp_lines import Malformed, Writer, read
from otel_insights.payload import Payload, Signal
from otel_insights.report import report
from otel_insights.selfmetrics import SelfMetrics
from otel_insights.store import Store
from otel_insights.worker import Worker

PROCESSORS = ("anomalies", "environments", "exceptions", "logs", "runs", "suggestions")
_ITEMS = {Signal.LOGS: "logs", Signal.TRACES: "spans", Signal.METRICS: "metric_points"}


@dataclass(frozen=True, slots=True)
class Task:
    """What to analyse, and where to write."""

    inputs: Sequence[Path]
    out: Path | None
    report: Path | None
    store_url: str = "sqlite://"
    signal: Signal | None = None
    """Of inputs whose name does not tell it (`.binpb`)."""
    strict: bool = False
    """Let the first malformed line end it all."""


@dataclass(slots=True)
class _Out(Exporter):
    writer: Writer

    async def export(self, payload: Payload) -> Accepted:
        self.writer.write(payload)
        return Accepted()


@dataclass(slots=True)
class Analysis:
    """The host of the processors: everything that a service has but doors. Use `run` once."""

    task: Task
    registry: Registry
    console: Console
    metrics: SelfMetrics = field(default_factory=SelfMetrics)
    store: Store = field(init=False)
    worker: Worker = field(default_factory=Worker)
    malformed: int = 0
    records: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_ITEMS.values(), 0))

    @property
    def instance_id(self) -> str:
        """Ours, so that telemetry of our own in the files is not analysed."""
        return self.store.instance_id

    def now_ns(self) -> int:
        """Tell the time of the analysis, not of the telemetry."""
        return time.time_ns()

    async def run(self) -> None:
        """Read, analyse, write. Raises OSError, ConfigError, and with `strict` BadData; then nothing is written."""
        began = time.perf_counter()
        self.store = Store.open(self.task.store_url)
        processors = [self._make(type_) for type_ in PROCESSORS]
        try:
            for processor in processors:
                await processor.start(self)
            with tempfile.TemporaryFile(prefix="otel-insights-") as spool, self._progress() as progress:
                step = progress.add_task("reading", total=None)
                await self._learn(chain.pipeline(processors, []), spool, progress, step)
                progress.update(step, description="analysing")
                for processor in processors:
                    await processor.analyse()
                progress.update(step, description="writing")
                if self.task.out:
                    await self._stamp(processors, spool, self.task.out)
            await self._report(time.perf_counter() - began)
        finally:
            for processor in reversed(processors):
                await processor.stop()
            await self.worker.close()
            await self.store.close()

    def _make(self, type_: str) -> Processor:
        factory = self.registry.find(Kind.PROCESSOR, type_)
        made = factory.build(ComponentId(type_), factory.settings())
        assert isinstance(made, Processor)  # noqa: S101 - what the registry holds under this kind
        return made

    async def _learn(self, consume: Consume, spool: IO[bytes], progress: Progress, step: object) -> None:
        """Read all inputs once; what was understood is put aside in binary form: reading JSON is the dear part."""
        for payload in self._read():
            self.records[_ITEMS[payload.signal]] += payload.count
            _put_aside(spool, payload)  # as it came
            await consume(payload)
            progress.update(step, completed=sum(self.records.values()))  # type: ignore[arg-type]

    def _read(self) -> Iterator[Payload]:
        for path in self.task.inputs:
            for one in read(path, signal=self.task.signal, strict=self.task.strict):
                if isinstance(one, Malformed):
                    self.malformed += 1
                    self.console.print(f"skipped {one}", highlight=False, markup=False, soft_wrap=True)
                else:
                    yield one

    async def _stamp(self, processors: Sequence[Processor], spool: IO[bytes], out: Path) -> None:
        with Writer(out) as writer:
            consume = chain.pipeline(processors, [_Out(ComponentId("otlp_file"), writer)])
            for payload in _put_back(spool):
                await consume(payload)

    async def _report(self, seconds: float) -> None:
        counts = {"records": self.records, "malformed_lines": self.malformed, "seconds": round(seconds, 3)}
        found = await report(self.store, counts)
        if self.task.report:
            self.task.report.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        established = sum(one["tier"] == "established" for one in found["suggestions"])
        self.console.print(
            f"{sum(self.records.values())} records, {self.malformed} malformed lines: {len(found['clusters'])} clusters"
            f" of exceptions, {established} established suggestions, in {seconds:.1f} s",
            highlight=False,
            soft_wrap=True,
        )

    def _progress(self) -> Progress:
        return Progress(
            SpinnerColumn(),
            TextColumn("{task.description} {task.completed:,.0f} records"),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )


def _put_aside(spool: IO[bytes], payload: Payload) -> None:
    number = list(Signal).index(payload.signal)
    spool.write(bytes((number,)) + payload.size.to_bytes(4, "big") + payload.data)


def _put_back(spool: IO[bytes]) -> Iterator[Payload]:
    spool.seek(0)
    signals = list(Signal)
    while head := spool.read(5):
        yield Payload(signals[head[0]], spool.read(int.from_bytes(head[1:], "big")), replay=True)


async def analyze(task: Task, registry: Registry) -> int:
    """Run an analysis; the exit code: 0 done, 1 when an input cannot be read. Raises ConfigError for wrong usage."""
    console = Console(stderr=True, file=sys.stderr)
    try:
        await Analysis(task, registry, console).run()
    except (OSError, BadData) as error:
        console.print(f"cannot go on: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        return 1
    return 0

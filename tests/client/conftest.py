"""Small programs run as processes against a real receiver, with us and without."""

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from otlp_samples import Sink, build, values

from otel_insights.payload import Signal
from otel_insights.receivers import otlp_http

SETUP = "import otel_insights; otel_insights.instrument(service_name='shop')"


@dataclass(frozen=True)
class Event:
    name: str
    severity: str
    attributes: dict
    resource: dict
    trace_id: str
    span_id: str


@dataclass(frozen=True)
class SpanGot:
    name: str
    attributes: dict
    events: list[dict]
    status: str
    resource: dict
    trace_id: str
    span_id: str


@dataclass(frozen=True)
class Outcome:
    """What a process left."""

    code: int
    out: str
    err: str
    events: list[Event] = field(default_factory=list)
    spans: list[SpanGot] = field(default_factory=list)

    @property
    def exceptions(self) -> list[Event]:
        return [one for one in self.events if one.name == "exception"]

    @property
    def packages(self) -> list[Event]:
        return [one for one in self.events if one.name == "package.info"]

    @property
    def seen_from_outside(self) -> tuple[int, str, str]:
        """What must not change: exit code, stdout, stderr (but for addresses in memory and process ids)."""
        return self.code, self.out, re.sub(r"0x[0-9a-f]+", "0x", self.err)


@dataclass
class World:
    """A receiver, and a place for programs."""

    address: str
    folder: Path
    sink: Sink

    async def run(
        self, program: str, *, setup: str = SETUP, env=(), args=(), command=(), python: str = sys.executable
    ) -> Outcome:
        """Run a program in which SETUP stands for the call of instrument()."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        file = folder / "program.py"
        file.write_text(program.replace("SETUP", setup or "pass"))
        before = len(self.sink.got)
        process = await asyncio.create_subprocess_exec(
            *(*command, python, str(file)),
            *args,
            env=self.environment() | dict(env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        said = [text.decode().replace(str(folder), "") for text in (out, err)]
        return Outcome(process.returncode, *said, self._events(before), self._spans(before))

    async def both(self, program: str, *, setup: str = SETUP, **options) -> tuple[Outcome, Outcome]:
        """Run a program with us and without; what is seen from outside is the same."""
        ours, without = await asyncio.gather(
            self.run(program, setup=setup, **options), self.run(program, setup="", **options)
        )
        assert ours.seen_from_outside == without.seen_from_outside
        return ours, without

    def environment(self) -> dict[str, str]:
        theirs = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DO_NOT"))}
        return theirs | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{self.address}",
            "OTEL_INSIGHTS_SPOOL_DIR": str(self.folder / "spool"),
            "OTEL_INSIGHTS_STRICT": "1",
        }

    def _events(self, before: int) -> list[Event]:
        return [
            Event(
                record.event_name,
                record.severity_text,
                values(record.attributes),
                values(part.resource.attributes),
                record.trace_id.hex(),
                record.span_id.hex(),
            )
            for payload in self.sink.got[before:]
            if payload.signal is Signal.LOGS
            for part in payload.message().resource_logs
            for scope in part.scope_logs
            for record in scope.log_records
        ]

    def _spans(self, before: int) -> list[SpanGot]:
        return [
            SpanGot(
                span.name,
                values(span.attributes),
                [values(event.attributes) for event in span.events],
                span.status.message,
                values(part.resource.attributes),
                span.trace_id.hex(),
                span.span_id.hex(),
            )
            for payload in self.sink.got[before:]
            if payload.signal is Signal.TRACES
            for part in payload.message().resource_spans
            for scope in part.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
async def world(host, tmp_path) -> AsyncIterator[World]:
    receiver = build(otlp_http.FACTORY, endpoint="127.0.0.1:0", drain="2s")
    sink = Sink()
    await receiver.start(host)
    await receiver.serve(dict.fromkeys(Signal, sink))
    try:
        yield World(receiver.address, tmp_path, sink)
    finally:
        await receiver.stop()

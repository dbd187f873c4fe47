"""runs: keeps what is told of runs of jobs and agents, and cancels those of which nothing more is heard."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from otel_insights import environment, semconv
from otel_insights.component import Accepted, Consume, Factory, Kind, Processor, Settings
from otel_insights.findings import finding
from otel_insights.looking import looked_at
from otel_insights.payload import Payload, Signal
from otel_insights.processors.run_events import read
from otel_insights.store import runs as memory
from otel_insights.store.outbox import Finding
from otel_insights.store.runs import MOST_AT_ONCE, Run
from otel_insights.units import Duration

_NEEDLE = semconv.RUN_ID.encode()


class RunsSettings(Settings):
    """How long a run may take, and how long it is kept."""

    max_duration: Duration = Field(default=3600.0, gt=0)
    """For runs that tell none of their own; one that has not ended by then is stale."""
    retention: Duration = Field(default=90 * 86_400.0, gt=0)
    """From a run's first event on."""
    max_runs: int = Field(default=1_000_000, ge=1)
    """The oldest beyond it are dropped."""


@dataclass(slots=True)
class Runs(Processor):
    """Reads `run.start`, `run.end` and `run.commit`; everything else passes unread."""

    settings: RunsSettings

    async def process(self, payload: Payload, forward: Consume) -> Accepted:
        """Commit what a payload tells of runs, then forward it as it is."""
        if payload.signal is Signal.LOGS and not payload.replay:
            payload = await looked_at(self, payload, self._look)
        return await forward(payload)

    async def _look(self, payload: Payload) -> None:
        told = []
        for item in payload.search(_NEEDLE):
            sender = environment.read(item.resource)
            if sender is None or sender.key.instance == self.host.instance_id:
                continue
            if one := read(item.data, sender, self.settings.max_duration):
                told.append(one)
        if told:
            await self.host.store.write(memory.record, told, self.host.now_ns())

    async def analyse(self) -> None:
        """Cancel what is stale, and drop what is past its time."""
        now_ns, store = self.host.now_ns(), self.host.store
        while overdue := await store.read(memory.overdue, now_ns):
            stale = [(run, _reason(run), _stale(run, now_ns)) for run in overdue]
            await store.write(memory.cancel, stale, now_ns)
        past = now_ns - int(self.settings.retention * 1e9)
        while await store.write(memory.forget, past, self.settings.max_runs) == MOST_AT_ONCE:
            pass


def _reason(run: Run) -> str:
    seconds = ((run.due_ns or 0) - (run.start_ns or 0)) / 1e9
    return f"stale: nothing was heard of its end within {seconds:g} s"


def _stale(run: Run, now_ns: int) -> Finding:
    whose = " ".join(filter(None, (run.agent_name, run.job_type))) or run.event_id
    return finding(
        semconv.RUN_STALE,
        f"{run.event_id} {run.due_ns}",
        f"The run of {whose} is {_reason(run)}",
        {
            semconv.RUN_ID: run.event_id,
            semconv.RUN_AGENT: run.agent_name,
            semconv.RUN_JOB_TYPE: run.job_type,
            semconv.SUBJECT_NAMESPACE: run.namespace,
            semconv.SUBJECT_NAME: run.service,
        },
        time_ns=now_ns,
        trace_id=run.trace_id or b"",
        span_id=run.span_id or b"",
    )


FACTORY = Factory(Kind.PROCESSOR, "runs", RunsSettings, Runs, frozenset({Signal.LOGS.value}))

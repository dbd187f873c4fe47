"""Runs of jobs and agents: a root span, and log events `run.start` and `run.end` whether spans are kept or not."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from otel_insights import semconv
from otel_insights.client import plain
from otel_insights.client.guard import guarded, once
from otel_insights.client.instrumentation import allowed, capture, installed
from otel_insights.client.run_fields import Status, counted, ended, ending, labels, starting, status_of

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext
    from typing_extensions import Unpack

    from otel_insights.client.run_fields import EndFields, StartFields
    from otel_insights.client.run_span import RunSpan

_MOST_OPEN = 10_000
"""Runs begun by `start_run` that may be open; beyond that the oldest is forgotten here, and stale on the server."""


@dataclass(slots=True, eq=False)
class Run:
    """A run that is under way. What is set here is told when it ends."""

    id: str
    status: Status | None = None
    """How it ended; None: `success`, or `failed` if an exception left it."""
    output_summary: str | None = None
    error_summary: str | None = None
    error_details: str | None = None
    _labels: Mapping[str, object] = field(default_factory=dict, repr=False)
    _span: RunSpan | None = field(default=None, repr=False)
    _metrics: dict[str, object] = field(default_factory=dict, init=False, repr=False)
    _began: float = field(default_factory=time.monotonic, init=False, repr=False)
    _process: int = field(default_factory=os.getpid, init=False, repr=False)

    @guarded
    def log_event(self, name: str, attributes: Mapping[str, object] | None = None) -> None:
        """Report that something happened in the run."""
        _emit(name, {**allowed(attributes), semconv.RUN_ID: self.id}, self._span.context if self._span else None)

    @guarded
    def set_metrics(self, **metrics: float | str | None) -> None:
        """Note `items_discovered`, `items_succeeded`, `items_failed`, `items_skipped`, and others of your own."""
        self._count(metrics)

    def _count(self, metrics: Mapping[str, object]) -> None:
        if (ours := installed()) is not None:
            self._metrics.update(counted(metrics, ours.redactor))

    def _end(self) -> None:
        if self._span is None or self._process != os.getpid():  # a child that was forked within: it is the parent's
            return
        status = status_of(self.status or "success")
        told = {
            **self._labels,
            **ending(self.output_summary, self.error_summary, self.error_details),
            **self._metrics,
            semconv.RUN_STATUS: status,
            semconv.RUN_DURATION: time.monotonic() - self._began,
        }
        failed = status in {"failed", "timeout"}
        _emit(semconv.RUN_END, told, self._span.context, failed=failed)
        self._span.end(told, error=self.error_summary or status if failed else None)

    def _left_by(self, exception: BaseException) -> None:
        """Tell what left the run; who is stopped from outside did not fail."""
        stopped = isinstance(exception, (KeyboardInterrupt, GeneratorExit))
        # by name, since asyncio is not loaded for our sake
        stopped |= any(kind.__name__ == "CancelledError" for kind in type(exception).__mro__)
        if isinstance(exception, SystemExit) and not exception.code:
            return
        self.status = self.status or ("cancelled" if stopped else "failed")
        ours = installed()
        if ours is None or self._span is None:
            return
        from otel_insights.client.description import MESSAGE, STACKTRACE, TYPE, describe  # noqa: PLC0415

        said = describe(exception, ours.settings)
        self.error_summary = self.error_summary or f"{said[TYPE]}: {said[MESSAGE]}"
        self.error_details = self.error_details or said.get(STACKTRACE)
        self._span.failed(exception)
        if not stopped:
            capture(exception, "run")


_open: dict[str, Run] = {}


def start_run(agent: str, job_type: str = "", **fields: Unpack[StartFields]) -> str:
    """Begin a run, and give its id for `log_event` and `end_run`. docs/instrument.md has each field."""
    run = Run(plain.text(fields.get("run_id") or uuid.uuid4()))
    if guarded(_start)(run, agent, job_type, fields):
        while len(_open) >= _MOST_OPEN:
            _open.pop(next(iter(_open)), None)
        _open[run.id] = run
    return run.id


def _start(run: Run, agent: str, job_type: str, fields: StartFields) -> bool:
    if (ours := installed()) is None:
        return False
    from otel_insights.client.run_span import RunSpan  # noqa: PLC0415 - the SDK is loaded by who uses it

    run._labels = {semconv.RUN_ID: run.id, **labels(agent, job_type)}  # noqa: SLF001 - of this module
    told = {**allowed(fields.get("attributes")), **run._labels, **starting(fields)}  # noqa: SLF001
    name = " ".join(["run", *map(str, labels(agent, job_type).values())])
    run._span = RunSpan.start(name, told, ours.redactor)  # noqa: SLF001
    _emit(semconv.RUN_START, told, run._span.context)  # noqa: SLF001
    return True


@guarded
def log_event(run_id: str, name: str, attributes: Mapping[str, object] | None = None) -> None:
    """Report that something happened in a run; it may be another process's."""
    (_open.get(run_id) or Run(run_id)).log_event(name, attributes)


@guarded
def end_run(run_id: str, status: Status = "success", **fields: Unpack[EndFields]) -> None:
    """End a run that `start_run` began in this process, once."""
    run = _open.pop(run_id, None)
    if run is None:
        if installed() is not None:
            once(f"ending the run {run_id}, which is not open in this process,")
        return
    run.status = status
    run.output_summary, run.error_summary = fields.get("output_summary"), fields.get("error_summary")
    run.error_details = fields.get("error_details")
    run._count(ended(fields))  # noqa: SLF001 - of this module
    run._end()  # noqa: SLF001 - of this module


@contextmanager
def track_run(agent: str, job_type: str = "", **fields: Unpack[StartFields]) -> Iterator[Run]:
    """Run a block as a run: what leaves it marks it failed, is reported, and goes on. Spans made within are its own."""
    run = Run(plain.text(fields.get("run_id") or uuid.uuid4()))
    guarded(_start)(run, agent, job_type, fields)
    token = None if run._span is None else guarded(run._span.attach)()  # noqa: SLF001 - of this module
    try:
        yield run
    except BaseException as exception:
        guarded(run._left_by)(exception)  # noqa: SLF001
        raise
    finally:
        guarded(run._end)()  # noqa: SLF001
        if run._span is not None:  # noqa: SLF001
            guarded(run._span.detach)(token)  # noqa: SLF001


def _emit(name: str, attributes: Mapping[str, object], span: SpanContext | None, *, failed: bool = False) -> None:
    if (ours := installed()) is not None:
        from otel_insights.client.pipeline import ERROR, INFO  # noqa: PLC0415 - as above

        ours.emit(name, ERROR if failed else INFO, attributes, span)

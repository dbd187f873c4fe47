"""A configuration that runs: components made, joined, started from the far end, stopped from the near end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeVar

from otel_insights import chain
from otel_insights.analyses import Analyses
from otel_insights.component import Accepted, Component, ComponentId, Consume, Exporter, Kind, Processor, Receiver
from otel_insights.components import Registry
from otel_insights.config import Config, Pipeline
from otel_insights.payload import Payload, Signal
from otel_insights.selfmetrics import SelfMetrics
from otel_insights.store import Store
from otel_insights.summariser import Summariser
from otel_insights.worker import Worker

DRAIN_SECONDS = 10.0
"""How long one component may take to stop before it is left behind."""

_OURS = "insights"
"""The type of the receiver that brings our own findings and metrics: those are no reason to analyse again."""

_log = logging.getLogger(__name__)
C = TypeVar("C", bound=Component)


@dataclass(slots=True)
class Service:
    """The pipelines of one configuration, and what their components share: it is their `Host`.

    Life: made, `start`ed once, `stop`ped once; not used again. `store` and `worker` exist from `start` to `stop`.
    """

    config: Config
    registry: Registry
    clock: Callable[[], int] = time.time_ns
    metrics: SelfMetrics = field(default_factory=SelfMetrics)
    drain_seconds: float = DRAIN_SECONDS
    receivers: dict[ComponentId, Receiver] = field(init=False)
    processors: dict[ComponentId, Processor] = field(init=False)
    exporters: dict[ComponentId, Exporter] = field(init=False)
    analyses: Analyses = field(init=False)
    summariser: Summariser | None = field(default=None, init=False)
    """What asks a language model, where one is configured."""
    _running: AsyncExitStack = field(default_factory=AsyncExitStack, init=False)
    _store: Store | None = field(default=None, init=False)
    _worker: Worker | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Make the components; that opens nothing."""
        self.receivers = self._make(Kind.RECEIVER, Receiver)
        self.processors = self._make(Kind.PROCESSOR, Processor)
        self.exporters = self._make(Kind.EXPORTER, Exporter)
        self.analyses = Analyses(
            tuple(self.processors.values()), self.config.analysis.interval, self.metrics, self.now_ns
        )

        if self.config.summariser:
            self.summariser = Summariser(self.config.summariser, lambda: self.store, self.now_ns, self.metrics)

    def _make(self, kind: Kind, class_: type[C]) -> dict[ComponentId, C]:
        made: dict[ComponentId, C] = {}
        for id_ in self.config.used(kind):
            component = self.registry.find(kind, id_.type).build(id_, self.config.components[kind][id_])
            if not isinstance(component, class_):
                raise TypeError(
                    f"{kind.value}.{id_}: its factory made a {type(component).__name__}, no {class_.__name__}"
                )
            made[id_] = component
        return made

    @property
    def store(self) -> Store:
        """What is remembered."""
        if self._store is None:
            raise RuntimeError("the service is not running, so its store is closed")
        return self._store

    @property
    def worker(self) -> Worker:
        """The process for long work."""
        if self._worker is None:
            raise RuntimeError("the service is not running, so it has no worker")
        return self._worker

    @property
    def instance_id(self) -> str:
        """`service.instance.id` of this installation."""
        return self.store.instance_id

    def now_ns(self) -> int:
        """Tell the time, in nanoseconds since the epoch."""
        return self.clock()

    async def start(self) -> None:
        """Open the store, then start all components, the far end first, and open the doors last.

        Raises ConfigError or OSError, whose text begins with the component's path; then nothing is left running.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        self._store = Store.open(self.config.store.url, now_ns=self.clock)
        self._running.push_async_callback(self._close_store)
        if self.summariser:
            self._running.push_async_callback(self._bounded, "summariser", self.summariser.stop)
        self._worker = Worker()
        self._running.push_async_callback(self._bounded, "worker", self._worker.close)
        for kind, components in (
            (Kind.EXPORTER, self.exporters),
            (Kind.PROCESSOR, self.processors),
        ):
            for component in components.values():
                await self._begin(kind, component)
        self._running.push_async_callback(self.analyses.stop)
        for receiver in self.receivers.values():
            await self._begin(Kind.RECEIVER, receiver)
        for receiver in self.receivers.values():
            await _naming(Kind.RECEIVER, receiver, receiver.serve(self._consumers(receiver.id)))
        self.analyses.start()

    async def _begin(self, kind: Kind, component: Component) -> None:
        self._running.push_async_callback(self._bounded, f"{kind.value}.{component.id}", component.stop)
        await _naming(kind, component, component.start(self))
        if kind is Kind.PROCESSOR:
            self.metrics.begin(
                "otel_insights_analysis_failures", "otel_insights_uninspected_items", processor=str(component.id)
            )

    async def stop(self) -> None:
        """Take nothing more, let what is under way end, and close; bounded in time, and never raises."""
        await self._running.aclose()

    async def analyse(self) -> bool:
        """Analyse all that has arrived until now. A failure is logged and counted; then this is False."""
        return await self.analyses.now()

    def entrance(self, signal: Signal) -> Consume | None:
        """Give what takes telemetry that comes by the API: every pipeline of a signal that takes any from outside.

        None where there is no such pipeline.
        """
        lines = [
            self._pipeline(line)
            for line in self.config.pipelines
            if line.signal is signal and any(id_.type != _OURS for id_ in line.receivers)
        ]
        return self._noticed(chain.split(lines)) if lines else None

    async def _close_store(self) -> None:
        store, self._store = self.store, None
        await self._bounded("store", store.close)

    async def _bounded(self, name: str, stop: Callable[[], Awaitable[None]]) -> None:
        try:
            await asyncio.wait_for(stop(), self.drain_seconds)
        except asyncio.TimeoutError:
            _log.warning("%s: expected to stop within %g s, left behind", name, self.drain_seconds)
        except Exception:  # noqa: BLE001 - the others are to be stopped all the same
            _log.exception("%s: did not stop cleanly", name)

    def _consumers(self, receiver: ComponentId) -> Mapping[Signal, Consume]:
        lines: dict[Signal, list[Consume]] = {}
        for line in self.config.pipelines:
            if receiver in line.receivers:
                lines.setdefault(line.signal, []).append(self._pipeline(line))
        consumers = {signal: chain.split(ends) for signal, ends in lines.items()}
        if receiver.type == _OURS:
            return consumers
        return {signal: self._noticed(consume) for signal, consume in consumers.items()}

    def _pipeline(self, line: Pipeline) -> Consume:
        processors = [self.processors[id_] for id_ in line.processors]
        return chain.pipeline(processors, [self.exporters[id_] for id_ in line.exporters])

    def _noticed(self, following: Consume) -> Consume:
        arrived = self.analyses.telemetry_arrived

        async def consume(payload: Payload) -> Accepted:
            try:
                return await following(payload)
            finally:  # also if the next hop refused it, since what was learnt may be committed
                arrived()

        return consume


async def _naming(kind: Kind, component: Component, begun: Awaitable[None]) -> None:
    """Begin the text of an OSError with the component that it is about."""
    try:
        await begun
    except OSError as error:
        raise OSError(error.errno, f"{kind.value}.{component.id}: {error.strerror or error}") from error

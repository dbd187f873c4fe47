"""When the long work is done: on a schedule and on demand, one analysis at a time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from otel_insights.component import Processor
from otel_insights.errors import Refused
from otel_insights.selfmetrics import SelfMetrics

_log = logging.getLogger(__name__)

_IDLE_NS = 600 * 10**9
"""Without telemetry there is one as seldom as this: silence tells something too (a cluster is quiet, a run stale)."""


@dataclass(slots=True)
class Analyses:
    """Calls every processor's `analyse`, in their order, from one task, so that it never runs twice at once."""

    processors: Sequence[Processor]
    interval: float
    """Seconds from the end of one to the start of the next."""
    metrics: SelfMetrics
    now_ns: Callable[[], int] = time.time_ns
    turns: int = 0
    """How often the interval has ended or somebody asked, whether there was something to do or not."""
    _arrived: bool = True
    """Whether telemetry came since the last one: true at first, for the store may hold what nobody has analysed."""
    _last_ns: int = 0
    _demands: list[asyncio.Future[bool]] = field(default_factory=list)
    _demanded: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    def telemetry_arrived(self) -> None:
        """Note that there is something to analyse."""
        self._arrived = True

    def start(self) -> None:
        """Begin to keep the schedule."""
        self._task = asyncio.create_task(self._keep_schedule(), name="analyses")

    async def stop(self) -> None:
        """Abandon an analysis under way: it is done again after the next start. Whoever waits for one gets Refused."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for demand in self._demands:
            if not demand.done():
                demand.set_exception(Refused("the service is stopping"))

    async def now(self) -> bool:
        """Analyse all that has arrived until now, and tell whether all went well. Raises Refused when stopping."""
        if self._task is None:
            raise Refused("the service is not running")
        demand: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._demands.append(demand)
        self._demanded.set()
        return await demand

    async def _keep_schedule(self) -> None:
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._demanded.wait(), self.interval)
            self._demanded.clear()
            demands = [demand for demand in self._demands if not demand.done()]
            well = True
            if demands or self._arrived or self.now_ns() - self._last_ns >= _IDLE_NS:
                self._arrived, self._last_ns = False, self.now_ns()
                well = await self._analyse()
            self._demands = [demand for demand in self._demands if demand not in demands]
            for demand in demands:
                if not demand.done():
                    demand.set_result(well)
            self.turns += 1

    async def _analyse(self) -> bool:
        well = True
        for processor in self.processors:
            began = time.perf_counter()
            try:
                await processor.analyse()
            except Exception:  # noqa: BLE001 - whatever it is, telemetry goes on
                _log.exception("the analysis of processors.%s failed; telemetry is not affected", processor.id)
                self.metrics.add("otel_insights_analysis_failures", processor=str(processor.id))
                self._arrived = True  # try again at the next turn
                well = False
            self.metrics.observe(
                "otel_insights_analysis_duration_seconds", time.perf_counter() - began, processor=str(processor.id)
            )
        return well

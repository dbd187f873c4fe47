"""When the long work is done: on a schedule and on demand, one analysis at a time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from otel_insights.component import Processor
from otel_insights.errors import Refused
from otel_insights.selfmetrics import SelfMetrics

_log = logging.getLogger(__name__)

_IDLE_NS = 600 * 10**9
"""Without telemetry there is one as seldom as this: silence tells something too (a cluster is quiet, a run stale)."""


_KEPT: Final = 20


@dataclass(frozen=True, slots=True)
class Analysis:
    """An analysis that was made."""

    began_ns: int
    seconds: float
    demanded: bool
    """Whether somebody asked for it."""
    processors: Mapping[str, float]
    """How long each took, in seconds."""
    failed: tuple[str, ...]
    """Those of them that failed: our log says why."""


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
    latest: deque[Analysis] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """The last ones, the latest at the end."""
    under_way: bool = False
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
                well = await self._analyse(demanded=bool(demands))
            self._demands = [demand for demand in self._demands if demand not in demands]
            for demand in demands:
                if not demand.done():
                    demand.set_result(well)
            self.turns += 1

    async def _analyse(self, *, demanded: bool) -> bool:
        began_ns, began = self.now_ns(), time.perf_counter()
        took: dict[str, float] = {}
        self.under_way = True
        try:
            failed = [str(one.id) for one in self.processors if not await self._of(one, took)]
        finally:
            self.under_way = False
        self.latest.append(Analysis(began_ns, time.perf_counter() - began, demanded, took, tuple(failed)))
        return not failed

    async def _of(self, processor: Processor, took: dict[str, float]) -> bool:
        began, id_ = time.perf_counter(), str(processor.id)
        try:
            await processor.analyse()
        except Exception:  # noqa: BLE001 - whatever it is, telemetry goes on
            _log.exception("the analysis of processors.%s failed; telemetry is not affected", processor.id)
            self.metrics.add("otel_insights_analysis_failures", processor=id_)
            self._arrived = True  # try again at the next turn
            return False
        finally:
            took[id_] = time.perf_counter() - began
            self.metrics.observe("otel_insights_analysis_duration_seconds", took[id_], processor=id_)
        return True

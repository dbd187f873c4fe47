"""insights: receives what we ourselves find, and feeds it into pipelines like any other telemetry."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from otel_insights import own_metrics
from otel_insights.component import Consume, Factory, Kind, Receiver, Settings
from otel_insights.errors import BadData, Refused
from otel_insights.findings import our_resource, our_scope
from otel_insights.payload import Payload, Signal
from otel_insights.store import outbox
from otel_insights.units import Duration

logger = logging.getLogger(__name__)


class InsightsSettings(Settings):
    """How often our own telemetry leaves."""

    interval: Duration = 30.0
    """Between two exports of our metrics."""
    poll_interval: Duration = 1.0
    """How soon after it was written a finding leaves; also the first pause after a refusal."""
    max_retry_interval: Duration = 30.0


@dataclass(slots=True)
class Insights(Receiver):
    """Findings leave the store's outbox in order, and are ticked off once the next hop has them."""

    settings: InsightsSettings
    _tasks: list[asyncio.Task[None]] = field(default_factory=list, init=False)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _started_ns: int = field(default=0, init=False)

    async def serve(self, consumers: Mapping[Signal, Consume]) -> None:
        """Begin to send."""
        self._started_ns = self.host.now_ns()
        if consume := consumers.get(Signal.LOGS):
            self._tasks.append(asyncio.create_task(self._send_findings(consume)))
        if consume := consumers.get(Signal.METRICS):
            self._tasks.append(asyncio.create_task(self._send_metrics(consume)))

    async def stop(self) -> None:
        """Send once more what there is, within the drain time; what does not leave now stays in the outbox."""
        self._stopping.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_DRAIN)
            for task in late:
                task.cancel()

    async def _send_findings(self, consume: Consume) -> None:
        pause = self.settings.poll_interval
        last = False
        while not last:
            last = await self._wait(pause)
            try:
                while await self._send_some(consume):
                    pass
                pause = self.settings.poll_interval
            except Refused as error:
                pause = min(max(2 * pause, error.retry_after or 0), self.settings.max_retry_interval)
            except Exception:
                logger.exception("findings wait in the outbox")
                pause = self.settings.max_retry_interval

    async def _send_some(self, consume: Consume) -> bool:
        waiting = await self.host.store.read(outbox.waiting)
        if not waiting:
            return False
        request = ExportLogsServiceRequest()
        part = request.resource_logs.add(resource=our_resource(self.host.instance_id))
        records = part.scope_logs.add(scope=our_scope()).log_records
        records.extend(LogRecord.FromString(one.record) for one in waiting)
        refused = None
        try:
            await consume(Payload.of(request))
        except BadData as error:
            refused = str(error)
            logger.warning("the next hop will not take %d findings, they are kept here: %s", len(waiting), error)
        now_ns = self.host.now_ns()
        await self.host.store.write(outbox.mark, [one.number for one in waiting], now_ns, refused)
        await self.host.store.write(outbox.forget_before, now_ns - _KEPT_NS)
        return True

    async def _send_metrics(self, consume: Consume) -> None:
        last = False
        while not last:
            last = await self._wait(self.settings.interval)
            try:
                await consume(Payload.of(await self._metrics()))
            except (Refused, BadData) as error:  # the next export tells the same, and more
                logger.debug("our metrics were not taken: %s", error)
            except Exception:
                logger.exception("our metrics were not sent")

    async def _metrics(self) -> ExportMetricsServiceRequest:
        store, now_ns = self.host.store, self.host.now_ns()
        return own_metrics.export_request(
            self.host.instance_id,
            await store.read(own_metrics.found),
            self.host.metrics.registry,
            since_ns=store.created_ns,
            started_ns=self._started_ns,
            now_ns=now_ns,
            others=[one for source in self.host.metrics.sources for one in source(now_ns)],
        )

    async def _wait(self, seconds: float) -> bool:
        """Wait, and tell whether it is time to stop."""
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except asyncio.TimeoutError:
            return False
        return True


_DRAIN = 5.0
_KEPT_NS = 30 * 86_400 * 10**9
"""How long the store tells what was sent, and what the next hop would not take."""


FACTORY = Factory(Kind.RECEIVER, "insights", InsightsSettings, Insights, frozenset({"logs", "metrics"}))

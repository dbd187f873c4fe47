"""span_metrics: counts spans by service, name, kind and status, and how long they took: rate, errors, duration."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Final

import stringzilla
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from pydantic import Field, field_validator

from otel_insights import environment, span_calls, span_metrics
from otel_insights.analysis.red import Red
from otel_insights.component import Accepted, Consume, Factory, Host, Kind, Processor, Settings
from otel_insights.errors import BadData
from otel_insights.looking import looked_at
from otel_insights.payload import Payload
from otel_insights.units import Duration

_DEFAULT_MS: Final = (2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10_000, 15_000)
_MOST_SPANS: Final = 200_000
"""Of one request: each becomes an object, and honest ones have a tenth of it."""
_KNOWN_REQUESTS: Final = 32_768


class SpanMetricsSettings(Settings):
    """What is counted; the connector's words where it has any."""

    buckets: tuple[Duration, ...] = Field(default=tuple(ms / 1e3 for ms in _DEFAULT_MS), min_length=1)
    """Bounds of the histogram of durations, rising."""
    aggregation_cardinality_limit: int = Field(default=1000, ge=1)
    """Combinations of service, name, kind and status that are counted apart; all others are one."""
    metrics_expiration: Duration = Field(default=86_400.0, gt=0)
    """How long one is told of without a span."""

    @field_validator("buckets")
    @classmethod
    def _rise(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if list(value) != sorted(set(value)):
            raise ValueError("expected bounds that rise")
        return value


@dataclass(slots=True)
class SpanMetrics(Processor):
    """Counts what was accepted, in memory, since it started. It changes nothing of what passes.

    A request that was refused counts when it is accepted, and one that comes again, in the same bytes, counts no more.
    """

    settings: SpanMetricsSettings
    _red: Red = field(init=False)
    _known: dict[int, None] = field(default_factory=dict, init=False)
    """Hashes of the last requests, the oldest first."""

    async def start(self, host: Host) -> None:
        """Begin to be asked for metrics."""
        self.host = host
        bounds = [bound * 1e9 for bound in self.settings.buckets]
        self._red = Red(bounds, self.settings.aggregation_cardinality_limit)
        host.metrics.sources.append(self._metrics)

    async def process(self, payload: Payload, forward: Consume) -> Accepted:
        """Forward, then count what the next hop has accepted."""
        seen = Payload(payload.signal, payload.data, replay=payload.replay)
        accepted = await forward(payload)
        if not seen.replay:
            await looked_at(self, seen, partial(self._look))
        return accepted

    async def _look(self, payload: Payload) -> None:
        digest = int(stringzilla.hash(payload.data))
        if digest in self._known:
            return
        try:
            self._count(payload)
        except BadData:  # the next hop has taken it all the same; how many there are nobody knows
            self.host.metrics.add("otel_insights_uninspected_items", processor=str(self.id))
        self._known[digest] = None
        if len(self._known) > _KNOWN_REQUESTS:
            del self._known[next(iter(self._known))]

    def _count(self, payload: Payload) -> None:
        if payload.size > _MOST_SPANS and payload.count > _MOST_SPANS:
            self.host.metrics.add("otel_insights_uninspected_items", payload.count, processor=str(self.id))
            return
        now = self.host.now_ns()
        for calls in span_calls.calls(payload.data):
            sender = environment.read(calls.resource)
            if sender is not None and sender.key.instance != self.host.instance_id:
                whose = (sender.key.namespace, sender.key.service)
                self._red.count(whose, calls.kinds, calls.took_ns, calls.name_of, now_ns=now)

    def _metrics(self, now_ns: int) -> list[Metric]:
        self._red.forget_before(now_ns - int(self.settings.metrics_expiration * 1e9))
        made = list(span_metrics.metrics(self._red, now_ns))
        self._red.turn()
        return made

    async def stop(self) -> None:
        """Be asked no more."""
        if self._metrics in self.host.metrics.sources:
            self.host.metrics.sources.remove(self._metrics)


FACTORY = Factory(Kind.PROCESSOR, "span_metrics", SpanMetricsSettings, SpanMetrics, frozenset({"traces"}))

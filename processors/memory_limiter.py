"""memory_limiter: a byte budget over everything in flight; what would pass it is sent back, to come again."""

from __future__ import annotations

from dataclasses import dataclass, field

from otel_insights.component import Accepted, Consume, Factory, Kind, Processor, Settings
from otel_insights.errors import Refused
from otel_insights.payload import Payload
from otel_insights.units import ByteSize, Duration


class MemoryLimiterSettings(Settings):
    """Put it first: what comes before it is not counted."""

    limit: ByteSize = 256 * 2**20
    """Bytes of payloads that may be under way at once. One payload alone is never refused."""
    retry_after: Duration = 1.0
    """What a refused sender is asked to wait."""


@dataclass(slots=True)
class MemoryLimiter(Processor):
    """Counts the bytes of payloads from their arrival until the next hop has them."""

    settings: MemoryLimiterSettings
    in_flight: int = field(default=0, init=False)
    """Bytes under way now."""

    async def process(self, payload: Payload, forward: Consume) -> Accepted:
        """Let a payload pass while the budget lasts, else raise Refused."""
        size = payload.size
        if self.in_flight and self.in_flight + size > self.settings.limit:
            self.host.metrics.add(
                f"otelcol_processor_refused_{payload.signal.item}", payload.count, processor=str(self.id)
            )
            raise Refused(
                f"{self.in_flight} bytes are under way, the limit is {self.settings.limit}",
                retry_after=self.settings.retry_after,
            )
        self.in_flight += size
        try:
            return await forward(payload)
        finally:
            self.in_flight -= size


FACTORY = Factory(
    Kind.PROCESSOR, "memory_limiter", MemoryLimiterSettings, MemoryLimiter, frozenset({"traces", "logs", "metrics"})
)

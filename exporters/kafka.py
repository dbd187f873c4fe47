"""kafka: writes requests to topics, as the Collector's Kafka exporter does."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import Field

from otel_insights.component import Accepted, Exporter, Factory, Host, Kind, Settings
from otel_insights.errors import BadData, InsightsError
from otel_insights.exporters.retry import REAL_CLOCK
from otel_insights.exporters.trouble import Trouble
from otel_insights.kafka_client import DEFAULT_TOPICS, ClientSettings, Encoding, Sender, encoded
from otel_insights.payload import Payload, Signal
from otel_insights.selfmetrics import passed
from otel_insights.splitting import halves
from otel_insights.units import ByteSize, Duration

logger = logging.getLogger(__name__)

_FRAMING: Final = 1024
"""Bytes of a message that are not its value: librdkafka counts them as well."""


class TopicSettings(Settings):
    """Where requests of one signal go."""

    topic: str = Field(min_length=1)
    encoding: Encoding = "otlp_proto"


class ProducerSettings(Settings):
    """How messages are sent."""

    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "none"
    max_message_bytes: ByteSize = Field(default=1_000_000, gt=2 * _FRAMING)
    """Larger requests are split. No more than the brokers take (`message.max.bytes`)."""


class KafkaSettings(ClientSettings):
    """Which topics."""

    traces: TopicSettings = TopicSettings(topic=DEFAULT_TOPICS[Signal.TRACES])
    metrics: TopicSettings = TopicSettings(topic=DEFAULT_TOPICS[Signal.METRICS])
    logs: TopicSettings = TopicSettings(topic=DEFAULT_TOPICS[Signal.LOGS])
    producer: ProducerSettings = ProducerSettings()
    timeout: Duration = Field(default=4.0, gt=0)
    """For one request, with the tries that librdkafka makes. Keep it below the timeout of whoever sends to us."""

    def target(self, signal: Signal) -> TopicSettings:
        """Tell where a signal goes."""
        return {Signal.TRACES: self.traces, Signal.METRICS: self.metrics, Signal.LOGS: self.logs}[signal]


@dataclass(slots=True)
class Kafka(Exporter):
    """A message is a request; it is accepted when all replicas that are in sync have it (`acks=all`).

    A request that is too large goes in pieces. Where one of these is refused, the sender sends all of it again.
    """

    settings: KafkaSettings
    _sender: Sender = field(init=False)
    _trouble: Trouble = field(default_factory=Trouble, init=False)

    async def start(self, host: Host) -> None:
        """Begin; the brokers need not be there yet."""
        await Exporter.start(self, host)
        producer = self.settings.producer
        properties = {
            **self.settings.connection(f"{Kind.EXPORTER.value}.{self.id}"),
            "compression.type": producer.compression,
            "message.max.bytes": producer.max_message_bytes,
        }
        self._sender = Sender(properties, self.settings.timeout)
        self._sender.start()

    async def stop(self) -> None:
        """Give up what has not been sent in time."""
        if hasattr(self, "_sender"):
            self._sender.stop()

    async def export(self, payload: Payload) -> Accepted:
        """Write a request. Raises Refused, and BadData for what has no such encoding.

        A span, log record or metric that is too large by itself is rejected, and the rest is sent.
        """
        own = Payload(payload.signal, payload.data)  # others have this one at the same time
        try:
            accepted = await self._send(own)
        except InsightsError as error:
            self._tally("send_failed", own)
            if self._trouble.is_news(type(error).__name__, REAL_CLOCK.now()):
                logger.warning("exporters.%s: %s", self.id, error)
            raise
        self._tally("sent", own)
        if self._trouble.is_over(REAL_CLOCK.now()):
            logger.warning("exporters.%s: sends again", self.id)
        return accepted

    async def _send(self, payload: Payload) -> Accepted:
        target = self.settings.target(payload.signal)
        value = encoded(payload, target.encoding)
        if len(value) + _FRAMING <= self.settings.producer.max_message_bytes:
            await self._sender.send(target.topic, value)
            return Accepted()
        parts = halves(payload)
        if parts is None:
            return Accepted(payload.count, f"{target.topic} takes no message of {len(value)} bytes")
        first, second = [await self._send(part) for part in parts]
        return Accepted(first.rejected + second.rejected, first.reason or second.reason)

    def _tally(self, outcome: str, payload: Payload) -> None:
        with contextlib.suppress(BadData):
            name = passed(Kind.EXPORTER, payload.signal.item, outcome)
            self.host.metrics.add(name, payload.count, exporter=str(self.id))


FACTORY = Factory(Kind.EXPORTER, "kafka", KafkaSettings, Kafka, frozenset(signal.value for signal in Signal))

"""What the Kafka receiver and exporter share: how to reach the brokers, how requests are encoded, and sending.

Settings have the names that the Collector's Kafka components use, so that a configuration can be carried over.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from pydantic import Field, SecretStr, field_validator

from otel_insights import otlp_json
from otel_insights.component import Settings
from otel_insights.endpoint import host_and_port
from otel_insights.errors import BadData, ConfigError, Refused, TooLarge
from otel_insights.payload import Payload, Signal

logger = logging.getLogger(__name__)

Encoding = Literal["otlp_proto", "otlp_json"]
"""A message is one export request, binary or JSON, as the Collector's encodings of these names write it."""

DEFAULT_TOPICS: Final = {Signal.TRACES: "otlp_spans", Signal.METRICS: "otlp_metrics", Signal.LOGS: "otlp_logs"}
_POLL: Final = 0.2
"""Seconds between two looks for what became of messages, when there is nothing to see."""
_TOO_LARGE: Final = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE})
_BAD: Final = frozenset({KafkaError.INVALID_MSG, KafkaError.INVALID_RECORD})


class TlsSettings(Settings):
    """TLS to the brokers."""

    ca_file: Path | None = None
    """The authorities that may have signed the brokers' certificates; the system's, if empty."""
    cert_file: Path | None = None
    """Our own certificate, for mutual TLS."""
    key_file: Path | None = None


class SaslSettings(Settings):
    """A name and a password."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str = Field(min_length=1)
    password: SecretStr


class AuthSettings(Settings):
    """How we prove who we are."""

    sasl: SaslSettings | None = None


class ClientSettings(Settings):
    """Which brokers, and how they are spoken to."""

    brokers: tuple[str, ...] = Field(default=("localhost:9092",), min_length=1)
    """`host:port` of some brokers; these tell of the others."""
    client_id: str = "otel-insights"
    tls: TlsSettings | None = None
    auth: AuthSettings = AuthSettings()

    @field_validator("brokers")
    @classmethod
    def _brokers(cls, brokers: tuple[str, ...]) -> tuple[str, ...]:
        for broker in brokers:
            host_and_port(broker)
        return brokers

    def connection(self, where: str) -> dict[str, Any]:
        """Give librdkafka's properties. Raises ConfigError, which begins with `where`, for a file that is not there."""
        sasl, tls = self.auth.sasl, self.tls
        properties = {
            "bootstrap.servers": ",".join(self.brokers),
            "client.id": self.client_id,
            "security.protocol": f"{'sasl_' if sasl else ''}{'ssl' if tls else 'plaintext'}",
        }
        if sasl:
            properties["sasl.mechanism"] = sasl.mechanism
            properties["sasl.username"] = sasl.username
            properties["sasl.password"] = sasl.password.get_secret_value()
        for setting, name in (("ca_file", "ssl.ca.location"), ("cert_file", "ssl.certificate.location")):
            _put_file(properties, name, getattr(tls, setting, None), f"{where}.tls.{setting}")
        key = tls.key_file or tls.cert_file if tls else None
        _put_file(properties, "ssl.key.location", key, f"{where}.tls.key_file")
        return properties


def _put_file(properties: dict[str, Any], name: str, path: Path | None, where: str) -> None:
    if path is None:
        return
    if not path.is_file():
        raise ConfigError(where, "a file in PEM form", str(path))
    properties[name] = str(path)


def decoded(signal: Signal, encoding: Encoding, value: bytes) -> Payload:
    """Read a message. Raises BadData where it is no export request of the signal."""
    payload = Payload(signal, otlp_json.to_protobuf(signal, value) if encoding == "otlp_json" else value)
    payload.resources()  # broken framing is told here, before anybody has acted on a part of it
    return payload


def encoded(payload: Payload, encoding: Encoding) -> bytes:
    """Write a message. Raises BadData for what has no JSON."""
    return otlp_json.encode(payload.message()) if encoding == "otlp_json" else payload.data


@dataclass(slots=True)
class Sender:
    """A producer whose messages are waited for. A thread of its own learns what became of them.

    librdkafka tries again by itself, in order and without repeating a message, until the time is over.
    """

    properties: dict[str, Any]
    timeout: float
    """Seconds until a message is given up."""
    _producer: Producer = field(init=False)
    _polling: threading.Thread = field(init=False)
    _ended: threading.Event = field(default_factory=threading.Event, init=False)

    def start(self) -> None:
        """Begin. Raises ConfigError for properties that librdkafka does not take; brokers need not be there yet."""
        milliseconds = int(self.timeout * 1000)
        try:
            self._producer = Producer(
                {
                    "enable.idempotence": True,
                    "delivery.timeout.ms": milliseconds,
                    "request.timeout.ms": min(30_000, milliseconds),
                    "linger.ms": 0,
                    "logger": logger,
                    **self.properties,
                }
            )
        except KafkaException as error:
            raise ConfigError("kafka", f"settings that the client takes: {error}") from error
        self._polling = threading.Thread(target=self._poll, name="otel-insights-kafka", daemon=True)
        self._polling.start()

    async def send(
        self, topic: str, value: bytes, *, key: bytes | None = None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        """Send a message, and return once the brokers have it.

        Raises Refused; TooLarge, or another BadData, where they never take it.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[KafkaError | None] = loop.create_future()

        def settle(outcome: KafkaError | None) -> None:
            if not done.done():
                done.set_result(outcome)

        def told(outcome: KafkaError | None, _: Message) -> None:
            loop.call_soon_threadsafe(settle, outcome)

        try:
            self._producer.produce(topic, value, key, headers=list(headers), on_delivery=told)
        except BufferError as error:
            raise Refused(f"too much waits for the brokers of {topic}") from error
        except KafkaException as error:
            raise _refusal(topic, error.args[0], len(value)) from error
        if outcome := await done:
            raise _refusal(topic, outcome, len(value))

    def stop(self) -> None:
        """Send what waits, within the time that a message has, and end."""
        self._ended.set()
        self._polling.join()
        self._producer.flush(self.timeout)

    def _poll(self) -> None:
        while not self._ended.is_set():
            self._producer.poll(_POLL)


def _refusal(topic: str, error: KafkaError, size: int) -> Refused | BadData:
    told = f"{topic}: {error.str()}"
    if error.code() in _TOO_LARGE:
        return TooLarge(f"{told} ({size} bytes)")
    return BadData(told) if error.code() in _BAD else Refused(told)

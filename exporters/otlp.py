"""otlp: sends to the next hop over OTLP, gRPC or HTTP, and hands the next hop's answer back to the sender."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal, Protocol

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator

from otel_insights.component import Accepted, ComponentId, Exporter, Factory, Host, Kind, Settings
from otel_insights.errors import BadData, InsightsError, Refused
from otel_insights.exporters.otlp_grpc_client import GrpcClient
from otel_insights.exporters.otlp_http_client import HttpClient
from otel_insights.exporters.otlp_target import Certificates, Target, parse_endpoint
from otel_insights.exporters.retry import REAL_CLOCK, Bound, Clock, retried
from otel_insights.exporters.trouble import Trouble
from otel_insights.payload import Payload, Signal
from otel_insights.selfmetrics import passed
from otel_insights.units import Duration

logger = logging.getLogger(__name__)

GRPC: Final = "grpc"
HTTP: Final = "http/protobuf"
WireProtocol = Annotated[
    Literal["grpc", "http/protobuf"],
    BeforeValidator(lambda value: HTTP if value == "http" else value),
]
_HEADER = re.compile(r"[0-9A-Za-z_.-]+")


class TlsSettings(Settings):
    """How both sides prove who they are."""

    insecure: bool = False
    """No TLS, for an endpoint without a scheme; otherwise the scheme decides."""
    ca_file: Path | None = None
    """The authorities that may have signed the next hop's certificate; the system's, if empty."""
    cert_file: Path | None = None
    """Our own certificate, for mutual TLS."""
    key_file: Path | None = None
    """Its key; if empty, `cert_file` holds both."""


class RetrySettings(Settings):
    """Short tries while the sender waits. What lasts longer is the sender's queue's business."""

    enabled: bool = True
    initial_interval: Duration = Field(default=0.1, gt=0)
    max_interval: Duration = Field(default=5.0, gt=0)
    """Also what a sender is asked to wait when the next hop does not let us in."""
    max_elapsed_time: Duration = 3.0
    """No try begins later than this after the first. Keep it below the timeout of whoever sends to us."""


class OtlpSettings(Settings):
    """Where to send, and how."""

    protocol: WireProtocol = "grpc"
    """`grpc` or `http/protobuf` (in short `http`)."""
    endpoint: str
    """`http://host:port`, `https://host:port` or `host:port`. Over HTTP, /v1/traces and so on come behind its path."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Sent with every request."""
    compression: Literal["none", "gzip"] = "none"
    timeout: Duration = Field(default=10.0, gt=0)
    """For one export, further tries included."""
    tls: TlsSettings = TlsSettings()
    retry: RetrySettings = RetrySettings()

    @field_validator("endpoint")
    @classmethod
    def _endpoint(cls, text: str, info: ValidationInfo) -> str:
        parse_endpoint(text, over_http=info.data.get("protocol") == HTTP)
        return text

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            if not _HEADER.fullmatch(name) or name.lower().endswith("-bin"):
                raise ValueError("expected names of letters, digits, '-', '_' and '.', which do not end with '-bin'")
            if not (value.get_secret_value().isascii() and value.get_secret_value().isprintable()):
                raise ValueError("expected values of printable ASCII")
        return headers

    def target(self, id_: ComponentId) -> Target:
        """Put together what a client must know."""
        tls = self.tls
        return Target(
            endpoint=parse_endpoint(self.endpoint, over_http=self.protocol == HTTP, insecure=tls.insecure),
            headers=tuple((name, value.get_secret_value()) for name, value in self.headers.items()),
            gzip=self.compression == "gzip",
            certificates=Certificates(tls.ca_file, tls.cert_file, tls.key_file),
            config_path=f"{Kind.EXPORTER.value}.{id_}.tls",
        )

    def bound(self) -> Bound:
        """Put together how long an export may take."""
        retry = self.retry
        elapsed = retry.max_elapsed_time if retry.enabled else 0.0
        return Bound(retry.initial_interval, retry.max_interval, elapsed, self.timeout)


class _Client(Protocol):
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def body(self, payload: Payload) -> bytes: ...
    async def send(self, signal: Signal, body: bytes, timeout: float) -> Accepted: ...


@dataclass(slots=True)
class Otlp(Exporter):
    """One next hop. It keeps nothing: what the next hop does not take now goes back to the sender as Refused."""

    settings: OtlpSettings
    clock: Clock = REAL_CLOCK
    _client: _Client | None = field(default=None, init=False)
    _trouble: dict[Signal, Trouble] = field(
        default_factory=lambda: {signal: Trouble() for signal in Signal}, init=False
    )

    async def start(self, host: Host) -> None:
        """Make the client; a next hop that is down now may come later. Raises ConfigError for bad certificates."""
        await Exporter.start(self, host)
        target = self.settings.target(self.id)
        client: _Client
        if self.settings.protocol == GRPC:
            client = GrpcClient(target)
        else:
            client = HttpClient(target, lambda: host.now_ns() / 1e9)
        await client.start()
        for signal in Signal:
            for outcome in ("sent", "send_failed"):
                self._count(outcome, signal, 0)
        self._client = client

    async def stop(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.stop()

    async def export(self, payload: Payload) -> Accepted:
        """Send, and try again for a short time; raises Refused when that has not helped, BadData when nothing will.

        A partial success is returned, and what was rejected in it is counted as failed.
        """
        client, signal = self._client, payload.signal
        if client is None:
            raise RuntimeError(f"exporter {self.id} is not started")
        body = client.body(payload)
        try:
            answer = await retried(
                lambda seconds: client.send(signal, body, seconds), self.settings.bound(), self.clock
            )
        except (Refused, BadData) as error:
            self._failed(payload, error)
            raise
        self._took(payload, answer)
        return answer

    def _took(self, payload: Payload, answer: Accepted) -> None:
        count = _items(payload)
        rejected = min(answer.rejected, count)
        self._count("sent", payload.signal, count - rejected)
        if rejected:
            self._count("send_failed", payload.signal, rejected)
        if self._trouble[payload.signal].is_over(self.clock.now()):
            logger.info("exporters.%s: the next hop takes %s again", self.id, payload.signal.value)

    def _failed(self, payload: Payload, error: InsightsError) -> None:
        self._count("send_failed", payload.signal, _items(payload))
        kind = f"{type(error).__name__} {str(error).partition(':')[0]}"
        if self._trouble[payload.signal].is_news(kind, self.clock.now()):
            fate = "lost unless the sender keeps them" if isinstance(error, BadData) else "the sender is to keep them"
            logger.warning("exporters.%s: %s not taken, %s: %s", self.id, payload.signal.value, fate, error)

    def _count(self, outcome: str, signal: Signal, items: int) -> None:
        self.host.metrics.add(passed(Kind.EXPORTER, signal.item, outcome), items, exporter=str(self.id))


def _items(payload: Payload) -> int:
    """Count for our metrics only: bytes with broken framing are the next hop's to judge, and count as nothing."""
    try:
        return payload.count
    except BadData:
        return 0


FACTORY = Factory(Kind.EXPORTER, "otlp", OtlpSettings, Otlp, frozenset(signal.value for signal in Signal))

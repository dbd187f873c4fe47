"""OTLP over gRPC, with serialised requests as they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import grpc.aio

from otel_insights.component import Accepted
from otel_insights.exporters.otlp_answers import accepted, grpc_error
from otel_insights.exporters.otlp_target import Target
from otel_insights.payload import Payload, Signal

_OPTIONS: Final = (
    ("grpc.max_send_message_length", -1),
    # a next hop that restarts is found within a second; the defaults back off up to two minutes
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # in spite of its name, how long one attempt to connect may take
    ("grpc.min_reconnect_backoff_ms", 5000),
    # one connection for each exporter: by default channels to the same place share theirs, and each other's back-off
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.primary_user_agent", "otel-insights"),
)


@dataclass(slots=True)
class GrpcClient:
    """One channel, which connects at the first request, and again whenever it must."""

    target: Target
    _channel: grpc.aio.Channel = field(init=False)
    _methods: dict[Signal, Any] = field(default_factory=dict, init=False)
    _metadata: tuple[tuple[str, str], ...] = field(default=(), init=False)

    async def start(self) -> None:
        """Read the certificates and make the channel; nothing is sent. Raises ConfigError for bad files."""
        target = self.target
        options = {
            "options": _OPTIONS,
            "compression": grpc.Compression.Gzip if target.gzip else grpc.Compression.NoCompression,
        }
        if target.endpoint.secure:
            target.certificates.context(target.config_path)  # gRPC itself would find bad files at the first handshake
            key, chain = target.certificates.own_pem()
            credentials = grpc.ssl_channel_credentials(target.certificates.ca_pem(), key, chain)
            self._channel = grpc.aio.secure_channel(target.endpoint.authority, credentials, **options)
        else:
            self._channel = grpc.aio.insecure_channel(target.endpoint.authority, **options)
        # without serializers bytes go in and come out
        self._methods = {signal: self._channel.unary_unary(signal.grpc_method) for signal in Signal}
        self._metadata = tuple((name.lower(), value) for name, value in target.headers)

    async def stop(self) -> None:
        """Close the channel."""
        await self._channel.close()

    def body(self, payload: Payload) -> bytes:
        """Give what is sent: the request itself, since grpcio compresses on its own only."""
        return payload.data

    async def send(self, signal: Signal, body: bytes, timeout: float) -> Accepted:
        """Send once. Raises Refused or BadData."""
        try:
            response = await self._methods[signal](body, timeout=timeout, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            raise grpc_error(error.code(), error.details() or "", error.trailing_metadata() or ()) from error
        return accepted(response)

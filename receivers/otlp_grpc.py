"""otlp_grpc: OTLP over gRPC, in raw bytes."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from pydantic import Field

from otel_insights.component import Consume, Factory, Host, Kind, Receiver
from otel_insights.embedded_http import listening_socket
from otel_insights.endpoint import Endpoint, host_and_port
from otel_insights.errors import Refused
from otel_insights.payload import Signal
from otel_insights.receivers.compression import unpack
from otel_insights.receivers.otlp_answers import Failure, failure, success
from otel_insights.receivers.otlp_doors import DoorSettings, Failures, Guard
from otel_insights.selfmetrics import passed
from otel_insights.units import Duration

_IDENTITY_AND_GZIP = 0b101  # grpc_compression_algorithm: bit 0 identity, 1 deflate, 2 gzip
_MOST_METADATA = 64 * 1024


class OtlpGrpcSettings(DoorSettings):
    """Settings of the gRPC door."""

    endpoint: Endpoint = "127.0.0.1:14317"
    """`host:port`; port 0 takes a free one."""
    max_concurrent_streams: int = Field(default=128, ge=1)
    """Requests under way on one connection: a client that has more waits, and nothing is refused."""
    min_ping_interval: Duration = 10.0
    """Keepalive pings more frequent than this are taken for an attack."""


@dataclass(slots=True)
class OtlpGrpc(Receiver):
    """Takes messages as they come, compressed and unparsed.

    With a deserializer grpcio would answer what does not parse with INTERNAL, and with its own decompression a small
    message could unpack to anything. `address` is where it listens, once it does.
    """

    settings: OtlpGrpcSettings
    address: str = field(default="", init=False)
    _server: grpc.aio.Server | None = field(default=None, init=False)
    _health: health.aio.HealthServicer | None = field(default=None, init=False)
    _failures: Failures = field(default_factory=Failures, init=False)
    _guard: Guard = field(init=False)
    _credentials: grpc.ServerCredentials | None = field(default=None, init=False)

    async def start(self, host: Host) -> None:
        """Read the token and the certificates, where there are any."""
        self.host = host
        path = f"{Kind.RECEIVER.value}.{self.id}"
        self._guard = Guard(self.settings.auth, f"{path}.auth")
        if self.settings.tls:
            files = self.settings.tls.load(f"{path}.tls")  # gRPC would say what is wrong at the first connection only
            pair = (files.key, files.cert)
            self._credentials = grpc.ssl_server_credentials([pair], files.client_ca, files.client_ca is not None)

    async def serve(self, consumers: Mapping[Signal, Consume]) -> None:
        """Listen. Signals without a consumer are answered with UNIMPLEMENTED, by gRPC itself."""
        server = grpc.aio.server(options=self._options())
        for signal, consume in consumers.items():
            service, method = signal.grpc_method.removeprefix("/").split("/")
            handler = grpc.unary_unary_rpc_method_handler(self._handler(signal, consume))
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        self.address = self._bind(server)
        self._server = server
        await server.start()
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)

    async def stop(self) -> None:
        """Say that we go, let requests under way end, and close."""
        if self._server is None:
            return
        if self._health:
            await self._health.enter_graceful_shutdown()
        await self._server.stop(self.settings.drain)
        self._server = None

    def _bind(self, server: grpc.aio.Server) -> str:
        endpoint = self.settings.endpoint
        try:
            if self._credentials:
                port = server.add_secure_port(endpoint, self._credentials)
            else:
                port = server.add_insecure_port(endpoint)
        except RuntimeError as error:
            listening_socket(*host_and_port(endpoint)).close()  # gRPC does not say why: this raises what it met
            raise OSError(errno.EADDRINUSE, f"cannot listen on {endpoint}: is something else there?") from error
        return f"{endpoint.rpartition(':')[0]}:{port}"

    def _options(self) -> list[tuple[str, int]]:
        return [
            ("grpc.so_reuseport", 0),  # else two servers would share the port, and each get a part
            ("grpc.per_message_decompression", 0),
            ("grpc.compression_enabled_algorithms_bitset", _IDENTITY_AND_GZIP),
            ("grpc.max_receive_message_length", self.settings.max_message_bytes),
            ("grpc.max_concurrent_streams", self.settings.max_concurrent_streams),
            ("grpc.max_metadata_size", _MOST_METADATA),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", int(self.settings.min_ping_interval * 1000)),
        ]

    def _handler(
        self, signal: Signal, consume: Consume
    ) -> Callable[[bytes, grpc.aio.ServicerContext], Awaitable[bytes]]:
        labels = {"receiver": str(self.id), "transport": "grpc"}
        accepted = passed(Kind.RECEIVER, signal.item, "accepted")
        refused = passed(Kind.RECEIVER, signal.item, "refused")
        self.host.metrics.begin(accepted, refused, **labels)
        most = self.settings.max_message_bytes

        async def export(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
            items = 0
            try:
                self._guard.check(_authorization(context))
                payload = unpack(signal, request, most)
                items = payload.count
                answer = await consume(payload)
            except asyncio.CancelledError:
                self.host.metrics.add(refused, items, **labels)
                if not context.cancelled():  # it came from within, and must not be taken for the sender's own wish
                    await _abort(context, failure(Refused("the request was cancelled in otel-insights: try again")))
                raise
            except Exception as error:
                self._failures.note(self, error)
                self.host.metrics.add(refused, items, **labels)
                await _abort(context, failure(error))
                raise AssertionError("abort raises") from error
            self.host.metrics.add(accepted, items, **labels)
            return success(signal, answer).SerializeToString()

        return export


def _authorization(context: grpc.aio.ServicerContext) -> bytes:
    for key, value in context.invocation_metadata() or ():
        if key == "authorization":
            return value if isinstance(value, bytes) else value.encode()
    return b""


async def _abort(context: grpc.aio.ServicerContext, failed: Failure) -> None:
    """Answer with an error. RetryInfo stands twice: the Collector reads the first trailer, Python's SDK the second."""
    trailers = [("grpc-status-details-bin", failed.status.SerializeToString())]
    if (info := failed.retry_info) is not None:
        trailers.append(("google.rpc.retryinfo-bin", info.SerializeToString()))
    await context.abort(failed.code, failed.message, tuple(trailers))


FACTORY = Factory(Kind.RECEIVER, "otlp_grpc", OtlpGrpcSettings, OtlpGrpc, frozenset({"traces", "logs", "metrics"}))

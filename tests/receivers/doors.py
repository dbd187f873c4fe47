"""Both OTLP doors with a scripted pipeline behind them, and plain clients of both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc
import httpx
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from otlp_samples import FakeHost, Sink, build

from otel_insights.component import Accepted
from otel_insights.payload import Payload, Signal
from otel_insights.receivers import otlp_grpc, otlp_http

PROTOBUF, JSON = "application/x-protobuf", "application/json"


@dataclass
class Doors:
    """A gRPC and an HTTP receiver over one consumer."""

    grpc_receiver: otlp_grpc.OtlpGrpc
    http_receiver: otlp_http.OtlpHttp
    sink: Sink
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.http_receiver.address}"

    async def call(self, signal: Signal, body: bytes, **options) -> GrpcAnswer:
        async with grpc.aio.insecure_channel(self.grpc_receiver.address) as channel:
            return await grpc_call(channel, signal, body, **options)

    async def post(self, signal: Signal, body: bytes, kind: str = PROTOBUF, **headers: str) -> httpx.Response:
        headers = {"content-type": kind} | {key.replace("_", "-"): value for key, value in headers.items()}
        async with httpx.AsyncClient() as client:
            return await client.post(self.url + signal.http_path, content=body, headers=headers)


@dataclass
class GrpcAnswer:
    code: grpc.StatusCode
    message: str = ""
    body: bytes = b""
    trailers: dict[str, bytes | str] = field(default_factory=dict)

    @property
    def retry_infos(self) -> list[float]:
        """Seconds to wait, by each of the two trailers that clients read."""
        found = []
        if (status := self.trailers.get("grpc-status-details-bin")) is not None:
            for detail in Status.FromString(status).details:
                info = RetryInfo()
                assert detail.Unpack(info)
                found.append(info.retry_delay.ToTimedelta().total_seconds())
        if (raw := self.trailers.get("google.rpc.retryinfo-bin")) is not None:
            found.append(RetryInfo.FromString(raw).retry_delay.ToTimedelta().total_seconds())
        return found


async def grpc_call(channel: grpc.aio.Channel, signal: Signal, body: bytes, **options) -> GrpcAnswer:
    call = channel.unary_unary(signal.grpc_method)(body, timeout=20, **options)
    try:
        return GrpcAnswer(grpc.StatusCode.OK, body=await call)
    except grpc.aio.AioRpcError as error:
        return GrpcAnswer(error.code(), error.details() or "", trailers=dict(error.trailing_metadata() or ()))


@asynccontextmanager
async def doors(
    host: FakeHost,
    *,
    signals: tuple[Signal, ...] = tuple(Signal),
    consume: Callable[[Payload], Awaitable[Accepted]] | None = None,
    **settings,
) -> AsyncIterator[Doors]:
    """Open both doors on free ports."""
    sink = Sink()
    made = []
    for module in (otlp_grpc, otlp_http):
        receiver = build(module.FACTORY, endpoint="127.0.0.1:0", drain="2s", **settings)
        await receiver.start(host)
        await receiver.serve(dict.fromkeys(signals, consume or sink))
        made.append(receiver)
    try:
        yield Doors(*made, sink, "https" if "tls" in settings else "http")
    finally:
        for receiver in made:
            await receiver.stop()

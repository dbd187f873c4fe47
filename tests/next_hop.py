"""A next hop for tests: real servers for OTLP over gRPC and HTTP, which answer by script."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import grpc
import grpc.aio
import uvicorn
from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

from otel_insights.component import ComponentId, Exporter
from otel_insights.exporters.otlp import FACTORY
from otel_insights.exporters.retry import Clock
from otel_insights.payload import Payload, Signal
from otel_insights.selfmetrics import SelfMetrics

EPOCH = 1_700_000_000.0
"""When it is, for hosts of these tests: Tue, 14 Nov 2023 22:13:20 GMT."""


@dataclass
class Answer:
    """What the next hop does with one request. gRPC looks at `code`, HTTP at `status`."""

    code: grpc.StatusCode = grpc.StatusCode.OK
    status: int = 200
    message: str = ""
    retry_info: float | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = "application/x-protobuf"
    hang: bool = False


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class NextHop:
    """What a server got, and what it will answer; when the script is over, it accepts."""

    url: str = ""
    script: deque[Answer] = field(default_factory=deque)
    got: list[Request] = field(default_factory=list)

    async def answer(self, request: Request) -> Answer:
        self.got.append(request)
        answer = self.script.popleft() if self.script else Answer()
        if answer.hang:
            await asyncio.Event().wait()
        return answer


@contextlib.asynccontextmanager
async def grpc_next_hop(
    *script: Answer, port: int = 0, credentials: grpc.ServerCredentials | None = None, unknown: tuple[Signal, ...] = ()
) -> AsyncIterator[NextHop]:
    hop = NextHop(script=deque(script))

    def handler(signal: Signal) -> grpc.GenericRpcHandler:
        async def export(body: bytes, context: grpc.aio.ServicerContext) -> bytes:
            headers = {key: str(value) for key, value in context.invocation_metadata()}
            answer = await hop.answer(Request(signal.grpc_method, headers, body))
            if answer.code is not grpc.StatusCode.OK:
                await context.abort(answer.code, answer.message, _trailers(answer))
            return answer.body

        service = signal.grpc_method.split("/")[1]
        return grpc.method_handlers_generic_handler(service, {"Export": grpc.unary_unary_rpc_method_handler(export)})

    server = grpc.aio.server(options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers(tuple(handler(signal) for signal in Signal if signal not in unknown))
    place = f"localhost:{port}"
    bound = server.add_secure_port(place, credentials) if credentials else server.add_insecure_port(place)
    hop.url = f"{'https' if credentials else 'http'}://localhost:{bound}"
    await server.start()
    try:
        yield hop
    finally:
        await server.stop(0)


def _trailers(answer: Answer) -> tuple[tuple[str, bytes], ...]:
    if answer.retry_info is None:
        return ()
    info = RetryInfo()
    info.retry_delay.FromNanoseconds(int(answer.retry_info * 1e9))
    packed = Any()
    packed.Pack(info)
    status = Status(code=answer.code.value[0], message=answer.message, details=[packed])
    return (("grpc-status-details-bin", status.SerializeToString()),)


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self):
        yield


@contextlib.asynccontextmanager
async def http_next_hop(*script: Answer, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[NextHop]:
    hop = NextHop(script=deque(script))

    async def app(scope, receive, send) -> None:
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        answer = await hop.answer(Request(scope["path"], headers, body))
        named = {"content-type": answer.content_type, **answer.headers}
        encoded = [(key.encode(), value.encode()) for key, value in named.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
        await send({"type": "http.response.body", "body": answer.body})

    listening = socket.create_server(("127.0.0.1", port))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio forgets it for sockets that are given
    config = uvicorn.Config(
        app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=0,
        ssl_context_factory=(lambda _config, _default: tls) if tls else None,
    )  # fmt: skip
    server = _Uvicorn(config)
    task = asyncio.create_task(server.serve([listening]))
    hop.url = f"{'https' if tls else 'http'}://localhost:{listening.getsockname()[1]}"
    try:
        yield hop
    finally:
        server.should_exit = True
        await task


@contextlib.asynccontextmanager
async def closing_next_hop() -> AsyncIterator[str]:
    """Listen, and close every connection once something was said on it."""

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


@dataclass
class FakeTime:
    """Time that passes when somebody sleeps, at once; chance always takes the middle."""

    time: float = 0.0
    pauses: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(round(seconds, 6))
        self.time += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.time, self.sleep, lambda: 0.5)


@dataclass
class Host:
    """What an exporter asks of its host."""

    metrics: SelfMetrics = field(default_factory=SelfMetrics)
    now_ns: Callable[[], int] = lambda: int(EPOCH * 1e9)

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.value(name, **(labels or {"exporter": "otlp"}))


@contextlib.asynccontextmanager
async def exporter(host: Host, clock: Clock | None = None, **settings) -> AsyncIterator[Exporter]:
    made = FACTORY.build(ComponentId("otlp"), FACTORY.settings(**settings))
    if clock is not None:
        made.clock = clock
    try:
        await made.start(host)
        yield made
    finally:
        await made.stop()


def three_logs(**options) -> Payload:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for number in range(3):
        records.add(severity_number=9, time_unix_nano=number)
    return Payload(Signal.LOGS, request.SerializeToString(), **options)


def partial_success(rejected: int, why: str) -> bytes:
    response = ExportLogsServiceResponse()
    response.partial_success.rejected_log_records = rejected
    response.partial_success.error_message = why
    return response.SerializeToString()


async def soon(condition: Callable[[], bool], within: float = 5.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.005)

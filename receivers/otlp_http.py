"""otlp_http: OTLP over HTTP, protobuf and JSON on one port."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

from otel_insights.component import Consume, Factory, Host, Kind, Receiver
from otel_insights.embedded_http import EmbeddedHttp
from otel_insights.endpoint import Endpoint, host_and_port
from otel_insights.errors import BadData, Refused, TooLarge
from otel_insights.otlp_json import to_protobuf
from otel_insights.payload import Payload, Signal
from otel_insights.receivers.compression import GZIP, inflate, unpack
from otel_insights.receivers.otlp_answers import Failure, failure, success
from otel_insights.receivers.otlp_doors import DoorSettings, Failures, Guard
from otel_insights.selfmetrics import passed
from otel_insights.units import Duration

_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
_HEAD_SECONDS = 10.0
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class OtlpHttpSettings(DoorSettings):
    """Settings of the HTTP door."""

    endpoint: Endpoint = "127.0.0.1:14318"
    """`host:port`; port 0 takes a free one."""
    body_timeout: Duration = 60.0
    """How long a body may take to come in."""


class _Gone(Exception):  # noqa: N818 - nobody is left to read an answer
    """The client went away in the middle of its request."""


@dataclass(slots=True)
class OtlpHttp(Receiver):
    """An ASGI application of three routes. `address` is where it listens, once it does."""

    settings: OtlpHttpSettings
    address: str = field(default="", init=False)
    _consumers: Mapping[str, tuple[Signal, Consume]] = field(default_factory=dict, init=False)
    _server: EmbeddedHttp | None = field(default=None, init=False)
    _failures: Failures = field(default_factory=Failures, init=False)
    _guard: Guard = field(init=False)

    async def start(self, host: Host) -> None:
        """Read the token and the certificates, where there are any."""
        self.host = host
        path = f"{Kind.RECEIVER.value}.{self.id}"
        self._guard = Guard(self.settings.auth, f"{path}.auth")
        tls = self.settings.tls.load(f"{path}.tls").context if self.settings.tls else None
        name, port = host_and_port(self.settings.endpoint)
        arrival = self.settings.body_timeout + _HEAD_SECONDS
        self._server = EmbeddedHttp(self._answer, name, port, tls, self.settings.drain, read_timeout=arrival)

    async def serve(self, consumers: Mapping[Signal, Consume]) -> None:
        """Listen. Paths of signals without a consumer are answered with 404."""
        self._consumers = {signal.http_path: (signal, consume) for signal, consume in consumers.items()}
        for signal in consumers:
            names = (passed(Kind.RECEIVER, signal.item, outcome) for outcome in ("accepted", "refused"))
            self.host.metrics.begin(*names, receiver=str(self.id), transport="http")
        if self._server is None:
            raise RuntimeError("serve comes after start")
        await self._server.start()
        self.address = f"{self.settings.endpoint.rpartition(':')[0]}:{self._server.port}"

    async def stop(self) -> None:
        """Let requests under way end, and close."""
        if self.address and self._server:
            self.address = ""
            await self._server.stop()

    async def _answer(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request; this is the ASGI application."""
        headers = dict(scope["headers"])
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
        route = self._consumers.get(scope["path"])
        if route is None:
            await _reply(send, 404, b"404 page not found", "text/plain")
        elif scope["method"] != "POST":
            await _reply(send, 405, b"405 method not allowed, supported: [POST]", "text/plain", allow="POST")
        elif kind not in (_PROTOBUF, _JSON):
            told = f"415 unsupported media type, supported: [{_JSON}, {_PROTOBUF}]".encode()
            await _reply(send, 415, told, "text/plain")
        else:
            await self._export(*route, kind, headers, receive, send)

    async def _export(
        self, signal: Signal, consume: Consume, kind: str, headers: dict[bytes, bytes], receive: Receive, send: Send
    ) -> None:
        labels = {"receiver": str(self.id), "transport": "http"}
        items = 0
        try:
            self._guard.check(headers.get(b"authorization", b""))
            body = await self._body(headers, receive)
            payload = self._payload(signal, kind, headers.get(b"content-encoding", b"").strip().lower(), body)
            items = payload.count
            answer = await consume(payload)
        except _Gone:
            return
        except asyncio.CancelledError:  # the drain time is over; uvicorn would answer 500, after which data is dropped
            self.host.metrics.add(passed(Kind.RECEIVER, signal.item, "refused"), items, **labels)
            await _fail(send, kind, failure(Refused("otel-insights is stopping: try again")))
            return
        except Exception as error:  # noqa: BLE001 - every error is an answer
            self._failures.note(self, error)
            self.host.metrics.add(passed(Kind.RECEIVER, signal.item, "refused"), items, **labels)
            await _fail(send, kind, failure(error))
            return
        self.host.metrics.add(passed(Kind.RECEIVER, signal.item, "accepted"), items, **labels)
        await _reply(send, 200, _encoded(success(signal, answer), kind), kind)

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """Take the body in; one over the limit is not read to its end."""
        most = self.settings.max_message_bytes
        told = headers.get(b"content-length", b"")
        if told.isdigit() and int(told) > most:
            raise TooLarge(f"the request has {int(told)} bytes, the limit is {most}")
        try:
            return await asyncio.wait_for(_all_of(receive, most), self.settings.body_timeout)
        except asyncio.TimeoutError:
            raise Refused(f"the body took longer than {self.settings.body_timeout:g} s to come in") from None

    def _payload(self, signal: Signal, kind: str, encoding: bytes, body: bytes) -> Payload:
        most = self.settings.max_message_bytes
        if encoding not in (b"", b"identity", b"gzip"):
            raise BadData(f"expected the content encoding gzip or none, got {encoding.decode('latin-1')!r}")
        if kind == _PROTOBUF:
            if encoding == b"gzip" and body:
                return unpack(signal, body if body[:2] == GZIP else inflate(body, most), most)
            return unpack(signal, body, most)
        return Payload(signal, to_protobuf(signal, inflate(body, most) if encoding == b"gzip" else body))


async def _all_of(receive: Receive, most: int) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise TooLarge(f"the request has more bytes than the limit of {most}")
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _fail(send: Send, kind: str, failed: Failure) -> None:
    """Answer with google.rpc.Status in the content type of the request ("Failures")."""
    headers = {"retry-after": failed.retry_after_header} if failed.retry_after_header else {}
    if failed.code is grpc.StatusCode.UNAUTHENTICATED:
        headers["www-authenticate"] = "Bearer"
    await _reply(send, failed.http, _encoded(failed.status, kind), kind, **headers)


def _encoded(message: Message, kind: str) -> bytes:
    return message.SerializeToString() if kind == _PROTOBUF else MessageToJson(message, indent=None).encode()


async def _reply(send: Send, status: int, body: bytes, kind: str, **headers: str) -> None:
    head = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    head += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


FACTORY = Factory(Kind.RECEIVER, "otlp_http", OtlpHttpSettings, OtlpHttp, frozenset({"traces", "logs", "metrics"}))

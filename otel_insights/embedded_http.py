"""An HTTP server on the event loop that is running already: uvicorn, without its signal handlers, and with bounds."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_TOO_MANY_HEADERS = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"  # RFC 6585, 5
)


def listening_socket(host: str, port: int) -> socket.socket:
    """Listen on a TCP port, 0 for a free one. Raises OSError, which names the place, where that is not possible.

    Never shares a port with another server. `::` takes IPv4 as well, as it does in the Collector.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        made = socket.create_server((host, port), family=family, backlog=512, dualstack_ipv6=both)
    except OSError as error:
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        # getaddrinfo has numbers of its own, which os.strerror does not know
        known = error.errno in errno.errorcode and not isinstance(error, socket.gaierror)
        why = os.strerror(error.errno or 0) if known else error.strerror or str(error)
        raise OSError(error.errno, f"cannot listen on {place}: {why}") from error
    # connections inherit it; asyncio sets it on sockets that it made itself, and an answer of two writes would wait
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs the loop."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell that it listens."""
        await super().startup(sockets)
        self.ready.set()


class _Bounded(HttpToolsProtocol):
    """One connection: what the parser holds back (headers, trailers) and the time of a request are limited.

    Who is too slow is cut off without an answer: OTLP has no status for it that every client would try again after,
    while a lost connection is one ("All Other Responses").
    """

    def __init__(self, *args: Any, most_held: int, read_timeout: float, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*args, **options)
        self._most_held = most_held
        self._read_timeout = read_timeout
        self._held = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(self._read_timeout, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unhurry()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._held += len(data)
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._pass_over(data[offer.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        if self._held > self._most_held and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(_TOO_MANY_HEADERS)
                self.transport.close()
            else:
                self.transport.abort()

    def _pass_over(self, rest: bytes) -> None:
        """Take a request with an offer to upgrade (h2c, from Java's clients) as if it had none.

        The parser stops at such a head, and uvicorn would answer a request that has lost its body.
        """
        if (method := self.parser.get_method()) == b"CONNECT":
            self.send_400_response("Invalid HTTP request received.")
            return
        headers = [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"\r\n".join([method + b" " + self.url + b" HTTP/1.1", *headers, b"", rest]))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._deadline is None:
            self._deadline = self.loop.call_later(self._read_timeout, self.transport.abort)

    def on_headers_complete(self) -> None:
        self._held = 0
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._held = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._held = 0
        if not self.parser.should_upgrade():
            self._unhurry()
            super().on_message_complete()

    def _unhurry(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


@dataclass(slots=True)
class EmbeddedHttp:
    """An ASGI application that listens."""

    app: Any
    host: str
    port: int
    """0 takes a free one, and `port` then tells it."""
    tls: ssl.SSLContext | None = None
    drain: float = 3.0
    """Seconds that requests under way may take at the stop."""
    keep_alive: float = 120.0
    """Seconds that a connection may be idle: longer than clients keep theirs (Go: 90), or a request could be lost."""
    max_header_bytes: int = 64 * 2**10
    """A request whose headers have not ended by then is refused; what comes in one read with the end does not count."""
    read_timeout: float = 60.0
    """Seconds that a request may take to arrive; who is slower is cut off."""
    _server: _Server = field(init=False)
    _socket: socket.socket = field(init=False)
    _task: asyncio.Task[None] = field(init=False)

    async def start(self) -> None:
        """Listen, and return when that is so. Raises OSError where it is not possible."""
        self._socket = listening_socket(self.host, self.port)
        self.port = self._socket.getsockname()[1]
        self._server = _Server(self._config())
        self._task = asyncio.create_task(self._server.serve([self._socket]), name=f"http {self.port}")
        ready = asyncio.create_task(self._server.ready.wait())
        await asyncio.wait((ready, self._task), return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            ready.cancel()
            self._socket.close()
            self._task.result()

    def _config(self) -> uvicorn.Config:
        config = uvicorn.Config(
            self.app,
            interface="asgi3",
            log_config=None,
            log_level="error",  # a warning for every malformed request would be the sender's to give
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=max(1, round(self.keep_alive)),
            timeout_graceful_shutdown=max(1, round(self.drain)),
        )
        config.load()
        config.ssl = self.tls
        made = functools.partial(_Bounded, most_held=self.max_header_bytes, read_timeout=self.read_timeout)
        config.http_protocol_class = made  # type: ignore[assignment]  # uvicorn only calls it
        return config

    async def stop(self) -> None:
        """Let requests under way end, then close."""
        self._server.should_exit = True
        await self._task
        self._socket.close()

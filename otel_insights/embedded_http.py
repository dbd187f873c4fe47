"""An HTTP server on the event loop that is running already: uvicorn, without its signal handlers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs the loop."""
        yield


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
    _server: _Server = field(init=False)
    _socket: socket.socket = field(init=False)
    _task: asyncio.Task[None] = field(init=False)

    async def start(self) -> None:
        """Listen. Raises OSError where that is not possible."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            self._socket = socket.create_server((self.host, self.port), family=family, backlog=512)
        except OSError as error:
            why = os.strerror(error.errno or 0)
            raise OSError(error.errno, f"cannot listen on {self.host}:{self.port}: {why}") from error
        # asyncio sets it by itself only for sockets that name their protocol; without it, answers wait 40 ms for an ACK
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = self._socket.getsockname()[1]
        config = uvicorn.Config(
            self.app,
            interface="asgi3",
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=max(1, round(self.drain)),
        )
        config.load()
        config.ssl = self.tls
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve([self._socket]), name=f"http {self.port}")
        await asyncio.sleep(0)  # lets it take the socket, which holds whoever connects before that

    async def stop(self) -> None:
        """Let requests under way end, then close."""
        self._server.should_exit = True
        await self._task
        self._socket.close()

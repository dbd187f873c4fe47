"""The HTTP API on the service's own event loop: uvicorn, without its signal handlers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from otel_insights.config import host_and_port


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `run`, which stops the API after the receivers."""
        yield


@dataclass(slots=True)
class Api:
    """An ASGI application that listens."""

    app: Any
    endpoint: str
    """`host:port`; port 0 takes a free one, and `url` then tells it."""
    _server: _Server = field(init=False)
    _socket: socket.socket = field(init=False)
    _task: asyncio.Task[None] = field(init=False)

    async def start(self) -> None:
        """Listen. Raises OSError, whose text begins with `api.endpoint`, where that is not possible."""
        host, port = host_and_port(self.endpoint)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family)
        except OSError as error:
            raise OSError(error.errno, f"api.endpoint: {self.endpoint}: {os.strerror(error.errno or 0)}") from error
        config = uvicorn.Config(self.app, log_config=None, access_log=False, timeout_graceful_shutdown=3)
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve([self._socket]), name="api")

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def stop(self) -> None:
        """Let requests under way end, then close."""
        self._server.should_exit = True
        await self._task
        self._socket.close()

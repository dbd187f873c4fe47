"""OTLP over HTTP, in its binary form."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from isal import igzip

from otel_insights.component import Accepted
from otel_insights.errors import Refused
from otel_insights.exporters.otlp_answers import accepted, http_error
from otel_insights.exporters.otlp_target import Target, proxy_for
from otel_insights.payload import Payload, Signal

_CONNECTIONS: Final = 32
"""At most so many requests are under way; others wait for a connection, within their timeout."""
_LONGEST_RESPONSE: Final = 64 * 1024
"""In bytes; what comes behind it is not read."""


@dataclass(slots=True)
class HttpClient:
    """A pool of connections that are opened when needed.

    Redirects are not followed: headers may hold secrets. A proxy that the environment names is used.
    """

    target: Target
    wall_clock: Callable[[], float] = time.time
    """Seconds since the epoch, for dates in Retry-After."""
    _session: aiohttp.ClientSession = field(init=False)

    async def start(self) -> None:
        """Read the certificates and make the pool; nothing is sent. Raises ConfigError for bad files or a bad proxy."""
        target = self.target
        tls = target.certificates.context(target.config_path) if target.endpoint.secure else True
        headers = {"User-Agent": "otel-insights"} | dict(target.headers) | {"Content-Type": "application/x-protobuf"}
        if target.gzip:
            headers["Content-Encoding"] = "gzip"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS, ssl=tls),
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=proxy_for(target.endpoint),
        )

    async def stop(self) -> None:
        """Close the connections."""
        await self._session.close()

    def body(self, payload: Payload) -> bytes:
        """Give what is sent: compressed bytes as they came where nobody changed them, else compressed here, quickly."""
        if not self.target.gzip:
            return payload.data
        return payload.gzipped or igzip.compress(payload.data, 1)

    async def send(self, signal: Signal, body: bytes, timeout: float) -> Accepted:
        """Send once. Raises Refused or BadData."""
        try:
            async with self._session.post(
                self.target.endpoint.url + signal.http_path,
                data=io.BytesIO(body),  # aiohttp writes it in pieces, and lets others run between them
                timeout=aiohttp.ClientTimeout(total=timeout),
                allow_redirects=False,
            ) as response:
                return await self._answer(response)
        except asyncio.TimeoutError as error:
            raise Refused(f"no answer within {timeout:.3g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Refused(f"{type(error).__name__}: {error}") from error

    async def _answer(self, response: aiohttp.ClientResponse) -> Accepted:
        body = b""
        while len(body) < _LONGEST_RESPONSE and (piece := await response.content.read(_LONGEST_RESPONSE)):
            body += piece
        content_type = response.headers.get("Content-Type", "")
        if response.status // 100 == 2:  # noqa: PLR2004
            return accepted(body) if content_type.startswith("application/x-protobuf") else Accepted()
        raise http_error(
            response.status,
            response.reason or "",
            response.headers.get("Retry-After", ""),
            body,
            content_type,
            now=self.wall_clock(),
        )

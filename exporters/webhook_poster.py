"""One HTTP endpoint that messages are posted to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from otel_insights.errors import Refused
from otel_insights.exporters.otlp_answers import http_error
from otel_insights.exporters.otlp_target import Endpoint, proxy_for

_LONGEST_ANSWER: Final = 4096
"""In bytes; what comes behind it is not read."""


def check_url(url: str) -> Endpoint:
    """Read an http(s) URL. Raises ValueError, which does not repeat it: it may hold a secret."""
    expected = "expected a URL such as https://hooks.example.org/T0/B0"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(expected) from None
    if parts.scheme not in ("http", "https") or not host or not (url.isascii() and url.isprintable()):
        raise ValueError(expected)
    if parts.username is not None:
        raise ValueError(f"{expected}, without credentials: they belong into headers")
    secure = parts.scheme == "https"
    return Endpoint(host, port or (443 if secure else 80), secure)


@dataclass(slots=True)
class Poster:
    """Posts JSON. Redirects are not followed: URL and headers may be secrets. A proxy of the environment is used."""

    url: str
    headers: Mapping[str, str]
    timeout: float
    """In seconds."""
    _session: aiohttp.ClientSession = field(init=False)

    async def start(self) -> None:
        """Make the session; nothing is sent. Raises ConfigError for a bad proxy."""
        self._session = aiohttp.ClientSession(
            headers={"User-Agent": "otel-insights"} | dict(self.headers) | {"Content-Type": "application/json"},
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=proxy_for(check_url(self.url)),
            timeout=aiohttp.ClientTimeout(total=self.timeout),
        )

    async def stop(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def post(self, body: bytes) -> None:
        """Post once. Raises Refused for what may pass, NotLetIn or BadData for what will not."""
        try:
            async with self._session.post(self.url, data=body, allow_redirects=False) as response:
                said = await response.content.read(_LONGEST_ANSWER)
        except asyncio.TimeoutError as error:
            raise Refused(f"no answer within {self.timeout:.3g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Refused(type(error).__name__) from error  # its text may hold the URL
        if response.status // 100 != 2:  # noqa: PLR2004
            retry_after = response.headers.get("Retry-After", "")
            raise http_error(response.status, response.reason or "", retry_after, said, "text/plain", now=time.time())

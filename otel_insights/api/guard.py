"""The frame around every route: who asks, from which site, how often and how much; and how long the answer took."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from otel_insights.api.access import Scope, Tokens
from otel_insights.api.limits import Rates
from otel_insights.api.problems import problem_answer
from otel_insights.config.sections import ApiSection
from otel_insights.selfmetrics import SelfMetrics

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_KNOWN = _SAFE | {"POST", "PUT", "PATCH", "DELETE"}
OPEN = frozenset({"/healthz", "/login"})
"""Paths that need no token: whether we live, and where a person shows one."""
ASKING_POSTS = frozenset({"/suggest", "/api/v1/suggest"})
"""POST routes that change nothing, and so need no more than a GET."""


@dataclass(slots=True)
class Guard:
    """An ASGI application around another one."""

    app: App
    section: ApiSection
    tokens: Tokens
    metrics: SelfMetrics
    _rates: Rates = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nobody known."""
        self._rates = Rates(self.section.requests_per_second)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request, or have it answered."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            request = Request(scope)
            refusal = self._refusal(request)
            if refusal is None:
                body = b"" if request.method in _SAFE else await self._body(request, receive)
                if isinstance(body, bytes):
                    await self.app(scope, _replay(body, receive), noted)
                    return
                refusal = body
            await refusal(scope, receive, noted)
        finally:
            self._note(scope, status, time.perf_counter() - began)

    def _refusal(self, request: Request) -> Response | None:
        """Tell why a request is not answered: None where it is."""
        client = request.client.host if request.client else ""
        early = 0.0 if request.url.path in OPEN else self._rates.wait(client, time.monotonic())
        if early:
            told = f"expected at most {self.section.requests_per_second} requests a second from one client"
            return problem_answer(429, "TOO_MANY_REQUESTS", told, {"Retry-After": str(max(1, round(early)))})
        if self.tokens.open and not self._is_known_host(request.headers.get("host", "")):
            told = "expected an address, a name without a dot or one of api.allowed_hosts in the header Host"
            return problem_answer(421, "UNKNOWN_HOST", told)
        if request.method not in _SAFE and _is_of_another_site(request):
            return problem_answer(403, "CROSS_ORIGIN", "requests that a page of another site makes are not answered")
        return self._unauthorised(request)

    def _unauthorised(self, request: Request) -> Response | None:
        path = request.url.path
        if path in OPEN or path.startswith("/static/"):
            return None
        headers = request.headers
        has = self.tokens.scope(headers.get("authorization", ""), headers.get("cookie", ""), time.time())
        request.scope["otel_insights.scope"] = has
        wanted: Scope = "read" if request.method in _SAFE or path in ASKING_POSTS else "write"
        if has in ("write", wanted):
            return None
        if has == "read":
            return problem_answer(403, "READ_ONLY", "expected a token that may write")
        by_browser = "text/html" in headers.get("accept", "")
        if by_browser and request.method in _SAFE:
            return RedirectResponse("/login", 303)
        if path == "/" and request.method in _SAFE:  # the heartbeat
            return None
        told = "expected the header Authorization: Bearer, with a token of api.auth"
        return problem_answer(401, "UNAUTHENTICATED", told, {"WWW-Authenticate": "Bearer"})

    def _is_known_host(self, host: str) -> bool:
        """Tell whether a page of another site cannot have come by this name for us (DNS rebinding)."""
        name = (urlsplit(f"//{host}").hostname or "") if _is_authority(host) else ""
        if not name:
            return False
        if "." not in name or name.endswith(".localhost") or name in self.section.allowed_hosts:
            return True
        return _is_address(name)

    async def _body(self, request: Request, receive: Receive) -> bytes | Response:
        """Take the body in; one over the limit is not read to its end."""
        most = self.section.max_body_bytes
        told = request.headers.get("content-length", "")
        parts, size, more = list[bytes](), 0, True
        while more and size <= most and not (told.isdecimal() and int(told) > most):
            message = await receive()
            if message["type"] == "http.disconnect":
                return b""
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = message.get("more_body", False)
        if more or size > most:
            return problem_answer(413, "TOO_LARGE", f"expected a body of at most {most} bytes", {"Connection": "close"})
        return b"".join(parts)

    def _note(self, scope: MutableMapping[str, Any], status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _KNOWN else "_OTHER"
        labels = {"http_request_method": method, "http_route": getattr(scope.get("route"), "path", "none")}
        self.metrics.observe(
            "http_server_request_duration_seconds", seconds, **labels, http_response_status_code=str(status)
        )


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _is_of_another_site(request: Request) -> bool:
    """Tell whether a browser says that a page of another origin makes this request (Fetch Metadata; RFC 6454, 7)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host", "")


def _is_authority(host: str) -> bool:
    try:
        urlsplit(f"//{host}").port  # noqa: B018 - raises for what is no port
    except ValueError:
        return False
    return not any(letter in host for letter in "/?#@\\ ")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True

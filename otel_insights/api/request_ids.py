"""X-Request-Id: one for each request, the client's where it gives one, on every answer and in what we log of it."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-Id"
_WELL_FORMED = re.compile(r"[\w.:/+=@-]{1,128}", re.ASCII)
_current: ContextVar[str] = ContextVar("otel_insights_request_id", default="")


def request_id() -> str:
    """Give the id of the request that is being answered; empty outside of one."""
    return _current.get()


@dataclass(slots=True)
class RequestIds:
    """An ASGI application around another one.

    An id that is too long, or has letters that a log or a header could take for something else, gives way to a random
    one. What answers a bug stands around this application: it reads the id after us, so it is not reset.
    """

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered, with its id."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        told = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
        id_ = told if _WELL_FORMED.fullmatch(told) else uuid.uuid4().hex
        _current.set(id_)

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (HEADER.lower().encode(), id_.encode())]
            await send(message)

        await self.app(scope, receive, named)

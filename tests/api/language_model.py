"""A language model for tests: a real HTTP server that speaks OpenAI's chat completions, and answers as told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


def completion(text: str, tokens: int | None = 120) -> dict[str, Any]:
    usage = {} if tokens is None else {"usage": {"prompt_tokens": tokens - 20, "total_tokens": tokens}}
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    return {"object": "chat.completion", "choices": [choice]} | usage


@dataclass
class LanguageModel:
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answer: Any = field(default_factory=lambda: completion("The bank cannot be reached."))
    """JSON, or bytes, or a response."""
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        self.headers.append(dict(request.headers))
        await self.may_answer.wait()
        if isinstance(self.answer, web.Response):
            return self.answer
        body = self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
        return web.Response(body=body, content_type="application/json")

    def configured(self, **settings: object) -> str:
        """Write the section of a configuration that leads here."""
        section = {"endpoint": self.url, "model": "tiny-1", "api_key": "sk-not-to-be-seen"} | settings
        return f"summariser: {json.dumps(section)}\n"


@asynccontextmanager
async def language_model() -> AsyncIterator[LanguageModel]:
    made = LanguageModel()
    made.may_answer.set()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield made
    finally:
        await runner.cleanup()

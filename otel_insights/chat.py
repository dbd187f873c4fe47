"""One question to a language model behind an endpoint that speaks OpenAI's chat completions, as many servers do."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from otel_insights.errors import InsightsError
from otel_insights.exporters.otlp_target import proxy_for
from otel_insights.exporters.webhook_poster import check_url

_LONGEST_ANSWER: Final = 256 * 1024
"""In bytes: a longer one is not read to its end, and none."""
_LONGEST_REASON: Final = 200
_THOUGHTS: Final = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
"""What models that reason aloud write before their answer."""


class NoReply(InsightsError):  # noqa: N818 - named like Refused and BadData
    """There is no reply that could be used. Its text holds no part of the question, the key or the reply."""


class NotAsked(NoReply):
    """The endpoint was not reached: nothing was spent."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model, where it is, and how long and how much it may answer."""

    endpoint: str
    """What stands before `/chat/completions`."""
    name: str
    api_key: str
    """"" sends none."""
    timeout: float
    """In seconds, for all of it."""
    most_tokens: int
    """Of the reply."""
    most_tokens_name: str = "max_tokens"
    """How the endpoint calls that bound."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said, and how many tokens question and reply had; None where the endpoint does not tell."""

    text: str
    tokens: int | None


async def ask(model: Model, messages: Sequence[Mapping[str, str]]) -> Reply:
    """Ask once. Messages have `role` and `content`. Raises NoReply, whose text is for a person.

    Redirects are not followed: the key would go along.
    """
    url = f"{model.endpoint.rstrip('/')}/chat/completions"
    body = {"model": model.name, "messages": list(messages), model.most_tokens_name: model.most_tokens}
    headers = {"User-Agent": "otel-insights"} | ({"Authorization": f"Bearer {model.api_key}"} if model.api_key else {})
    try:
        async with (
            aiohttp.ClientSession(
                headers=headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                proxy=proxy_for(check_url(url)),
                timeout=aiohttp.ClientTimeout(total=model.timeout),
            ) as session,
            session.post(url, json=body, allow_redirects=False) as response,
        ):
            said = await _read(response.content)
            if response.status // 100 != 2:  # noqa: PLR2004 - what HTTP calls success
                raise NoReply(
                    f"the endpoint answered {response.status} {(response.reason or '')[:_LONGEST_REASON]}".rstrip()
                )
    except aiohttp.ClientConnectorError as error:
        raise NotAsked(f"the endpoint cannot be reached ({type(error).__name__})") from error
    except asyncio.TimeoutError as error:
        raise NoReply(f"no answer within {model.timeout:g} s") from error
    except (aiohttp.ClientError, OSError) as error:
        raise NoReply(f"the connection failed ({type(error).__name__})") from error
    return _reply(said)


async def _read(content: aiohttp.StreamReader) -> bytes:
    parts = bytearray()
    async for part in content.iter_any():
        parts += part
        if len(parts) > _LONGEST_ANSWER:
            raise NoReply(f"expected an answer of at most {_LONGEST_ANSWER // 1024} KiB, got a longer one")
    return bytes(parts)


def _reply(said: bytes) -> Reply:
    try:
        answer = json.loads(said)
        text = answer["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        raise NoReply("expected JSON with choices[0].message.content, got something else") from None
    if not isinstance(text, str) or not (text := _THOUGHTS.sub("", text).strip()):
        raise NoReply("expected a text in choices[0].message.content, got an empty one")
    return Reply(text, _tokens(answer.get("usage")))


def _tokens(usage: Any) -> int | None:  # noqa: ANN401 - whatever JSON holds
    told = usage.get("total_tokens") if isinstance(usage, dict) else None
    return told if isinstance(told, int) and not isinstance(told, bool) and told >= 0 else None

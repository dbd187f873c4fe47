"""/docs: /openapi.json as a page, with a command line to try each route; nothing is loaded from elsewhere."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, FastAPI, Request, Response

from otel_insights.api.pages.rendering import page, pages


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, as the page shows it."""

    method: str
    path: str
    tag: str
    summary: str
    description: str
    parameters: tuple[Mapping[str, Any], ...]
    body: str
    answer: str
    command: str

    @property
    def anchor(self) -> str:
        """Name its place on the page."""
        return f"{self.method}{self.path}".replace("/", "-").replace("{", "").replace("}", "").lower()


def routes(app: FastAPI) -> APIRouter:
    """Make the route that shows an app's other routes."""
    router = pages()

    @router.get("/docs")
    async def docs(request: Request) -> Response:
        by_tag: dict[str, list[Operation]] = {}
        for one in operations(app.openapi(), str(request.base_url).rstrip("/")):
            by_tag.setdefault(one.tag, []).append(one)
        return page(request, "reference.html", {"by_tag": by_tag, "title_of_api": app.title})

    return router


def operations(document: Mapping[str, Any], base: str) -> Iterator[Operation]:
    """List what an OpenAPI document describes."""
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            body = _example(told.get("requestBody", {}).get("content", {}))
            good: Mapping[str, Any] = next(
                (one for status, one in told["responses"].items() if status.startswith("2")), {}
            )
            yield Operation(
                method.upper(),
                path,
                (told.get("tags") or ["other"])[0],
                told.get("summary", ""),
                told.get("description", ""),
                tuple(told.get("parameters", ())),
                body,
                _example(good.get("content", {})),
                _command(method.upper(), base, path, told.get("parameters", ()), body),
            )


def _example(content: Mapping[str, Any]) -> str:
    for media in content.values():
        found = media.get("example")
        if found is None and media.get("examples"):
            first = next(iter(media["examples"].values()))
            found = first.get("value")
        if found is not None:
            return found if isinstance(found, str) else json.dumps(found, indent=2, ensure_ascii=False)
    return ""


def _command(method: str, base: str, path: str, parameters: Any, body: str) -> str:  # noqa: ANN401 - JSON
    required = {one["name"]: one.get("example", "") for one in parameters if one.get("required")}
    query = {one["name"]: required[one["name"]] for one in parameters if one["in"] == "query" and one.get("required")}
    for name, value in required.items():
        path = path.replace(f"{{{name}}}", str(value))
    parts = ["curl", *([] if method == "GET" else ["-X", method])]
    parts.append(base + path + (f"?{urlencode(query)}" if query else ""))
    if body:
        compact = json.dumps(json.loads(body), ensure_ascii=False) if body[:1] in "{[" else body
        parts += ["-H", "Content-Type: application/json", "-d", compact]
    return " ".join(map(shlex.quote, parts))

"""What a person says of a suggestion on the page of its cluster: that it is wrong, or what fixed it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from otel_insights.api.pages.rendering import back_to, form_of, given, pages
from otel_insights.api.problems import Problem
from otel_insights.errors import ConfigError
from otel_insights.feedback import UnknownSuggestionError, say
from otel_insights.service import Service
from otel_insights.store import suggestions
from otel_insights.store.feedback import Verdict

_VERDICTS: Final[Mapping[str, Verdict]] = {"wrong": "wrong", "fixed-it": "fixed-it"}


def routes(service: Service) -> APIRouter:
    """Make the route over a running service."""
    router = pages()

    @router.post("/suggestions/{suggestion_id}/feedback")
    async def feedback(request: Request, suggestion_id: str) -> Response:
        form = await form_of(request)
        verdict = _VERDICTS.get(given(form, "verdict"))
        if verdict is None:
            raise Problem(422, "INVALID_REQUEST", "verdict: expected wrong or fixed-it")
        version = form.get("version", "").strip()
        try:
            told = await say(service.store, suggestion_id, verdict, version, service.now_ns)
        except UnknownSuggestionError as error:
            raise Problem(404, "UNKNOWN_SUGGESTION", f"there is no suggestion {suggestion_id!r}") from error
        except ConfigError as error:
            raise Problem(422, "INVALID_REQUEST", str(error)) from error
        found = await service.store.read(suggestions.get, suggestion_id)
        return back_to(f"/clusters/{quote(found[0].cluster_id, safe='')}" if found else "/clusters", told)

    return router

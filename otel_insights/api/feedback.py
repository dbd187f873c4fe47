"""/api/v1/suggestions/{id}/feedback: what became of a suggestion."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import Field

from otel_insights.api.problems import Problem
from otel_insights.api.shapes import Shape
from otel_insights.errors import ConfigError
from otel_insights.feedback import UnknownSuggestionError, say
from otel_insights.service import Service


class Word(Shape):
    """What a person says of a suggestion."""

    verdict: Literal["wrong", "fixed-it"] = Field(description="`wrong` withdraws it, for good", examples=["fixed-it"])
    version: str = Field(
        default="",
        max_length=255,
        description="With `fixed-it`: the `PACKAGE==V` that did; without one, what was suggested did",
        examples=["pandas==2.2.3"],
    )


class Noted(Shape):
    """What becomes of the suggestion."""

    status: Literal["noted"]
    text: str


def routes(service: Service) -> APIRouter:
    """Make the route over a running service."""
    router = APIRouter(prefix="/api/v1", tags=["suggestions"])

    @router.post("/suggestions/{suggestion_id}/feedback", summary="Say what became of a suggestion")
    async def feedback(suggestion_id: str, word: Word) -> Noted:
        """Withdraw a suggestion that is wrong, or remember what fixed it; its cluster is explained anew."""
        try:
            text = await say(service.store, suggestion_id, word.verdict, word.version, service.now_ns)
        except UnknownSuggestionError as error:
            raise Problem(404, "UNKNOWN_SUGGESTION", f"there is no suggestion {suggestion_id!r}") from error
        except ConfigError as error:
            raise Problem(422, "INVALID_REQUEST", f"body.{error}") from error
        return Noted(status="noted", text=text)

    return router

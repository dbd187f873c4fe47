"""/api/v1/suggestions: what explains clusters, over all of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from otel_insights.api.problems import Problem
from otel_insights.api.shapes import Shape, Suggestion
from otel_insights.service import Service
from otel_insights.store import suggestions as memory


class KeptSuggestion(Suggestion):
    """A suggestion, and whether it holds."""

    holds: bool = Field(description="False where it was withdrawn: by new evidence, feedback or a merge")


class SuggestionPage(Shape):
    """Suggestions, and where the next page begins."""

    items: list[KeptSuggestion]
    next: str | None = Field(description="The `cursor` of the next page")


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = APIRouter(prefix="/api/v1", tags=["suggestions"])

    @router.get("/suggestions", summary="List suggestions")
    async def list_suggestions(
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        cursor: Annotated[str, Query(max_length=64, description="`next` of the page before")] = "",
        tier: Annotated[Literal["established", "lead"] | None, Query(description="Only these")] = None,
        state: Annotated[
            Literal["holds", "withdrawn", "all"], Query(description="Those that hold, that were withdrawn, or all")
        ] = "holds",
    ) -> SuggestionPage:
        """List suggestions in order of their ids, page by page."""
        withdrawn = {"holds": False, "withdrawn": True, "all": None}[state]
        found = await service.store.read(memory.page, after=cursor, limit=limit + 1, tier=tier, withdrawn=withdrawn)
        following = found[limit - 1][0].id if len(found) > limit else None
        return SuggestionPage.model_validate({"items": [_row(*one) for one in found[:limit]], "next": following})

    @router.get("/suggestions/{suggestion_id}", summary="Show a suggestion")
    async def show(suggestion_id: str) -> KeptSuggestion:
        """Show a suggestion, also one that no longer holds."""
        found = await service.store.read(memory.get, suggestion_id)
        if found is None:
            raise Problem(404, "UNKNOWN_SUGGESTION", f"there is no suggestion {suggestion_id!r}")
        return KeptSuggestion.model_validate(_row(*found))

    return router


def _row(one: memory.StoredSuggestion, holds: bool) -> dict[str, Any]:  # noqa: FBT001 - as the store gives them
    return {**one.body, "holds": holds}

"""/api/v1/analysis: the long work, done now, and what became of the last ones."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from otel_insights.api.problems import Problem
from otel_insights.api.shapes import Shape
from otel_insights.report import rfc3339
from otel_insights.service import Service
from otel_insights.store import clusters


class AnalysisDone(Shape):
    """That an analysis has been made."""

    status: str = Field(examples=["done"])
    clusters: int


class Analysis(Shape):
    """An analysis that was made."""

    began: str
    seconds: float
    demanded: bool = Field(description="Whether somebody asked for it; else it was time")
    processors: dict[str, float] = Field(description="How long each took, in seconds")
    failed: list[str] = Field(description="Processors that failed: our log says why")


class AnalysisState(Shape):
    """Whether an analysis is under way, and the last ones."""

    under_way: bool
    interval_seconds: float = Field(description="From the end of one to the start of the next, if there is news")
    latest: list[Analysis] = Field(description="The last 20 since the start, the latest first")


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = APIRouter(prefix="/api/v1", tags=["analysis"])

    @router.get("/analysis", summary="Tell of the last analyses")
    async def state() -> AnalysisState:
        """Tell when the last analyses were, how long they took, and what failed."""
        of = service.analyses
        latest = [
            {
                "began": rfc3339(one.began_ns),
                "seconds": round(one.seconds, 6),
                "demanded": one.demanded,
                "processors": {id_: round(seconds, 6) for id_, seconds in one.processors.items()},
                "failed": list(one.failed),
            }
            for one in reversed(of.latest)
        ]
        return AnalysisState.model_validate(
            {"under_way": of.under_way, "interval_seconds": of.interval, "latest": latest}
        )

    @router.post("/analysis", summary="Analyse now")
    async def analyse() -> AnalysisDone:
        """Analyse all that has arrived until now, and return when that is done."""
        if not await service.analyse():
            raise Problem(500, "ANALYSIS_FAILED", "the analysis failed, wholly or in part: our log says why")
        return AnalysisDone(status="done", clusters=len(await service.store.read(clusters.sizes)))

    return router

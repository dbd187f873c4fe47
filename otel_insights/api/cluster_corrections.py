"""Corrections of clusters by people: what they say governs what comes. As `otel-insights clusters` does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar

from fastapi import APIRouter, Path
from pydantic import Field

from otel_insights import curation
from otel_insights.analysis.rules import Rule
from otel_insights.api.problems import Problem
from otel_insights.api.requests import Asked
from otel_insights.api.shapes import Shape
from otel_insights.listing import time_of
from otel_insights.report import rfc3339
from otel_insights.service import Service
from otel_insights.store import corrections, rules
from otel_insights.store.corrections import WrongCorrection
from otel_insights.store.engine import Database

P = ParamSpec("P")
T = TypeVar("T")
ClusterId = Annotated[str, Path(max_length=64, description="Its id, or one that was merged into it")]


class Title(Asked):
    """What a cluster is to be called."""

    title: str = Field(min_length=1, max_length=300, examples=["No card can be charged"])


class Other(Asked):
    """Another cluster."""

    other: str = Field(min_length=1, max_length=64, description="The one that goes into it", examples=["C-9a1b2c3d"])


class Fingerprints(Asked):
    """What is to go out of a cluster."""

    fingerprints: list[str] = Field(min_length=1, max_length=1000, examples=[["0c9e4a1b5d6f7081"]])


class Until(Asked):
    """How long a cluster is to rest."""

    until: str = Field(max_length=64, description="2026-12-31, 2026-12-31T12:00:00Z, or from now: 7d", examples=["7d"])


class Patterns(Asked):
    """What goes to a cluster: globs; of several, all must match."""

    cluster_id: str = Field(min_length=1, max_length=64, examples=["C-9a1b2c3d"])
    type: str = Field("", max_length=1024, examples=["shop.NoStock"])
    message: str = Field("", max_length=4096, examples=["no card*"])
    frame: str = Field("", max_length=1024, examples=["shop.pay.*"])


class Corrected(Shape):
    """What a correction led to."""

    id: str = Field(description="The cluster that goes on", examples=["C-9a1b2c3d"])
    text: str = Field(examples=["C-0d1e2f3a is now part of C-9a1b2c3d; its id leads there"])


class StandingRule(Shape):
    """A rule; of those that match, the first decides."""

    rule: int
    namespace: str
    cluster_id: str
    type: str
    message: str
    frame: str


class RuleAdded(Shape):
    """That a rule holds."""

    rule: int
    moved: int = Field(description="Known fingerprints that it moved")


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = APIRouter(prefix="/api/v1", tags=["clusters"])
    correct = _corrector(service)

    @router.patch("/clusters/{cluster_id}", summary="Rename a cluster")
    async def rename(cluster_id: ClusterId, asked: Title) -> Corrected:
        """Give a cluster a title."""
        found = await correct(corrections.rename, cluster_id, asked.title, service.now_ns())
        return Corrected(id=found, text=f"{found}: {asked.title}")

    @router.post("/clusters/{cluster_id}/merge", summary="Merge another cluster into one")
    async def merge(cluster_id: ClusterId, asked: Other) -> Corrected:
        """Let another cluster go into this one: they are one failure, and stay one."""
        found = await correct(curation.merge, cluster_id, asked.other, service.now_ns())
        return Corrected(id=found, text=f"{asked.other} is now part of {found}; its id leads there")

    @router.post("/clusters/{cluster_id}/split", summary="Take fingerprints out of a cluster")
    async def split(cluster_id: ClusterId, asked: Fingerprints) -> Corrected:
        """Take fingerprints out of a cluster, into one of their own: they are another failure, and stay one."""
        found = await correct(curation.split, cluster_id, asked.fingerprints, service.now_ns())
        return Corrected(id=found, text=f"{', '.join(asked.fingerprints)}: now the cluster {found}")

    @router.post("/clusters/{cluster_id}/resolve", summary="Call a cluster's cause mended")
    async def resolve(cluster_id: ClusterId) -> Corrected:
        """Call a cluster's cause mended. If it is seen again, it is `regressed`, and that is told."""
        found = await correct(curation.resolve, cluster_id, service.now_ns())
        return Corrected(id=found, text=f"{found} is resolved")

    @router.post("/clusters/{cluster_id}/archive", summary="Let a cluster rest")
    async def archive(cluster_id: ClusterId, asked: Until) -> Corrected:
        """Let a cluster rest until a time: it is counted, but neither spikes nor regresses."""
        now = service.now_ns()
        try:
            until_ns = time_of(asked.until, now)
        except WrongCorrection as error:
            raise Problem(422, "INVALID_REQUEST", f"body.until: {error}") from error
        found = await correct(corrections.archive, cluster_id, until_ns, now)
        return Corrected(id=found, text=f"{found} is archived until {rfc3339(until_ns)}")

    @router.get("/rules", summary="List rules")
    async def list_rules() -> list[StandingRule]:
        """List the rules by which what matches goes to a cluster, in their order."""
        return [_rule(one) for one in await service.store.read(rules.in_force)]

    @router.post("/rules", summary="Add a rule", status_code=201)
    async def add_rule(asked: Patterns) -> RuleAdded:
        """Send what matches to a cluster, now and from now on."""
        patterns = Rule(asked.type, asked.message, asked.frame)
        number, moved = await correct(rules.add, asked.cluster_id, patterns, service.now_ns())
        return RuleAdded(rule=number, moved=moved)

    @router.delete("/rules/{number}", summary="Remove a rule", status_code=204)
    async def remove_rule(number: Annotated[int, Path(ge=1, le=2**63 - 1)]) -> None:
        """Take a rule back; what it had placed is clustered again like everything else."""
        await correct(rules.remove, number)

    return router


def _corrector(service: Service) -> Callable[..., Awaitable[Any]]:
    async def correct(work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make a correction; one that cannot be made is a problem of the client's, which says why."""
        try:
            return await service.store.write(work, *args, **kwargs)
        except WrongCorrection as error:
            unknown = str(error).startswith("there is no ")
            raise Problem(404 if unknown else 409, "UNKNOWN" if unknown else "WRONG_CORRECTION", str(error)) from error

    return correct


def _rule(one: Any) -> StandingRule:  # noqa: ANN401 - as the store gives it
    return StandingRule(
        rule=one.id,
        namespace=one.namespace,
        cluster_id=one.cluster_id,
        type=one.rule.exception_type,
        message=one.rule.message,
        frame=one.rule.frame,
    )

"""/environments/{id} and /environments/compare: what an environment runs, and what differs between two."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from otel_insights.analysis.differences import GROUPS, Difference, differences, group_of
from otel_insights.api.pages.rendering import page, pages
from otel_insights.api.problems import Problem
from otel_insights.environment_listing import found
from otel_insights.service import Service
from otel_insights.store import environment_lists, environments
from otel_insights.store.engine import Database
from otel_insights.store.environments import FailingIn, KnownEnvironment

_BOTH = 2
Number = Annotated[int, Field(ge=0, lt=2**63)]


@dataclass(frozen=True, slots=True)
class Whole:
    """An environment with its configuration and what fails there."""

    head: KnownEnvironment
    configuration: Mapping[str, str]
    failing: Sequence[FailingIn]

    @property
    def name(self) -> str:
        """Name it for people."""
        return f"{self.head.key.service} {self.head.key.instance}".strip() or "unnamed environment"

    def by_group(self) -> dict[str, list[tuple[str, str]]]:
        """Order its configuration by kinds of things."""
        items = sorted(self.configuration.items())
        found = {group: [item for item in items if group_of(item[0]) == group] for group in GROUPS}
        return {group: of_it for group, of_it in found.items() if of_it}


@dataclass(frozen=True, slots=True)
class Compared:
    """Two environments beside each other."""

    one: Whole
    other: Whole

    @property
    def same(self) -> int:
        """Count the keys on which both agree."""
        return sum(self.other.configuration.get(key) == value for key, value in self.one.configuration.items())

    def by_group(self) -> dict[str, list[Difference]]:
        """Order what differs by kinds of things."""
        items = differences(self.one.configuration, self.other.configuration)
        found = {group: [item for item in items if item.group == group] for group in GROUPS}
        return {group: of_it for group, of_it in found.items() if of_it}

    def failing(self) -> list[tuple[str, str, float, float]]:
        """List the clusters seen in either: id, title, and how often in each; those of one alone first."""
        counts: dict[str, tuple[str, float, float]] = {}
        for each in self.one.failing:
            counts[each.cluster_id] = (each.title, each.count, 0.0)
        for each in self.other.failing:
            title, count, _ = counts.get(each.cluster_id, (each.title, 0.0, 0.0))
            counts[each.cluster_id] = (title, count, each.count)
        rows = [(id_, *row) for id_, row in counts.items()]
        return sorted(rows, key=lambda row: (bool(row[2] and row[3]), -row[2] - row[3]))


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = pages()

    @router.get("/environments/compare")
    async def compare(request: Request, ids: Annotated[list[Number], Query(alias="id")]) -> Response:
        if len(ids) != _BOTH:
            raise Problem(422, "INVALID_REQUEST", f"expected two environments to compare, got {len(ids)}")
        one, other = [await service.store.read(_read, number) for number in ids]
        return page(request, "comparison.html", {"all": Compared(one, other)})

    @router.get("/environments/{number}")
    async def environment(request: Request, number: Number) -> Response:
        whole = await service.store.read(_read, number)
        others = await service.store.read(
            environment_lists.listed, namespace=whole.head.key.namespace, service=whole.head.key.service, limit=200
        )
        return page(request, "environment.html", {"all": whole, "others": [one for one in others if one.id != number]})

    return router


def _read(db: Database, number: int) -> Whole:
    head = found(db, number)
    return Whole(head, json.loads(head.configuration), environments.failing_in(db, number))

"""/runs/changes: many runs changed at once. What would change is shown first; then it is done part by part."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from otel_insights.api.pages.rendering import back_to, fields_of, page, pages
from otel_insights.api.pages.run_filter import of_form, wanted
from otel_insights.api.problems import Problem
from otel_insights.errors import Refused
from otel_insights.run_edits import FIELDS, checked
from otel_insights.service import Service
from otel_insights.store import run_changes
from otel_insights.store.run_changes import Differing
from otel_insights.store.runs import Value, Wanted

MOST_RUNS: Final = 100_000
"""Runs of one plan; of more that meet a filter, the newest."""
_A_PART: Final = 200
"""Runs changed in one transaction."""
_A_STEP: Final = 1000
"""Runs changed in answer to one request, so that a person sees how far it is, and can stop."""
_SHOWN: Final = 50
_MOST_PLANS: Final = 20


@dataclass(slots=True)
class Plan:
    """Changes that a person has chosen, and how far they are."""

    changes: Mapping[str, Value]
    """By columns of the store."""
    chosen: Differing
    left: list[str]
    begun: bool = False
    failed: dict[str, str] = field(default_factory=dict)
    """With the reason."""

    @property
    def done(self) -> int:
        """Count the runs that are changed."""
        return len(self.chosen.ids) - len(self.left) - len(self.failed)


@dataclass(slots=True)
class Plans:
    """The latest plans, in this process alone: one that has been forgotten is to be chosen again."""

    kept: dict[str, Plan] = field(default_factory=dict)

    def keep(self, plan: Plan) -> str:
        """Keep a plan, and forget the oldest beyond the bound; returns its id."""
        id_ = uuid.uuid4().hex
        self.kept[id_] = plan
        while len(self.kept) > _MOST_PLANS:
            del self.kept[next(iter(self.kept))]
        return id_

    def get(self, id_: str) -> Plan:
        """Give a plan. Raises Problem where there is none."""
        if id_ not in self.kept:
            raise Problem(404, "UNKNOWN", "there is no such change of runs any more: choose them again, at /runs")
        return self.kept[id_]


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = pages()
    plans = Plans()

    @router.post("/runs/changes")
    async def choose(request: Request) -> Response:
        given = await fields_of(request)
        which, changes = _which(given), checked(_chosen(given))
        if not changes:
            raise Problem(422, "INVALID_REQUEST", "expected at least one field that is ticked")
        found = await service.store.read(run_changes.differing, which, changes, MOST_RUNS)
        return back_to(f"/runs/changes/{plans.keep(Plan(changes, found, list(found.ids)))}")

    @router.get("/runs/changes/{id_}")
    async def show(request: Request, id_: str) -> Response:
        plan = plans.get(id_)
        some = plan.left[:_SHOWN] if not plan.begun else []
        steps = await service.store.read(lambda db: list(run_changes.steps(db, some, plan.changes)))
        names = {column: name for name, (column, _) in FIELDS.items()}
        fields = {names[column]: value for column, value in plan.changes.items()}
        values: dict[str, Any] = {"id": id_, "plan": plan, "steps": steps, "names": names, "fields": fields}
        return page(request, "run_changes.html", {**values, "failed": list(islice(plan.failed.items(), _SHOWN))})

    @router.post("/runs/changes/{id_}")
    async def go_on(id_: str) -> Response:
        plan = plans.get(id_)
        plan.begun = True
        if not plan.left:
            plan.left, plan.failed = list(plan.failed), {}
        for _ in range(0, _A_STEP, _A_PART):
            await _part(service, plan)
        return back_to(f"/runs/changes/{id_}")

    return router


async def _part(service: Service, plan: Plan) -> None:
    """Change some; those of a store that takes nothing have failed, and can be tried again."""
    part, plan.left = plan.left[:_A_PART], plan.left[_A_PART:]
    if part:
        try:
            failed = await service.store.write(run_changes.change, part, plan.changes, service.now_ns())
        except Refused as error:
            failed = dict.fromkeys(part, str(error))
        plan.failed.update(failed)


def _which(given: Sequence[tuple[str, str]]) -> Wanted | list[str]:
    form = dict(given)
    if form.get("which") == "all":
        return wanted(of_form(form))
    ids = [value for name, value in given if name == "id"]
    if not ids:
        raise Problem(422, "INVALID_REQUEST", "expected at least one run that is ticked, or all that are like that")
    return ids


def _chosen(given: Iterable[tuple[str, str]]) -> dict[str, str | None]:
    """Take the fields that are ticked; an empty one takes its value away."""
    form = dict(given)
    ticked = [value for name, value in given if name == "set"]
    return {name: form.get(f"to_{name}", "").replace("\r\n", "\n") or None for name in ticked}

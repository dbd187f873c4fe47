"""/api/v1/runs: runs of jobs and agents. What is created here becomes telemetry; what is changed is a person's word."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Body, Query, Response
from fastapi.concurrency import run_in_threadpool

from otel_insights import exports
from otel_insights.api.entrance import Entrance
from otel_insights.api.problems import Problem
from otel_insights.api.requests import Moment
from otel_insights.api.run_shapes import (
    CommitOfRun,
    Run,
    RunAnalytics,
    RunEdit,
    RunInFull,
    RunPage,
    RunsCreated,
    RunToCreate,
    Status,
)
from otel_insights.api.run_telemetry import commit_payload, object_of, payload_of
from otel_insights.api.telemetry import nanoseconds
from otel_insights.run_analytics import MOST_RUNS, analytics
from otel_insights.run_analytics import shown as shown_analytics
from otel_insights.run_edits import checked, shown, shown_edit
from otel_insights.service import Service
from otel_insights.store import runs
from otel_insights.store.corrections import WrongCorrection
from otel_insights.store.run_outcomes import outcomes
from otel_insights.store.runs import Wanted

_MOST_IN_BATCH: Final = 1000
_FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {type_: {} for type_ in exports.MEDIA_TYPES.values()}, "description": "A file"}
}
_Id = Annotated[str, Query(max_length=256)]


@dataclass(frozen=True, slots=True)
class Desk:
    """Where runs are handed in and asked for."""

    service: Service

    async def create(self, bodies: Sequence[RunToCreate]) -> RunsCreated:
        """Let the runs that are not known in, as telemetry. Raises Problem."""
        named = {body.event_id or body.run_id or str(uuid.uuid4()): _checked(body) for body in bodies}
        known = await self.service.store.read(runs.known, named)
        if new := [(id_, body) for id_, body in named.items() if id_ not in known]:
            await Entrance(self.service).take(payload_of(new, self.service.now_ns()))
            await self.get(new[0][0])  # it is there, or there is no processor that keeps runs
        return RunsCreated(created=[id_ for id_, _ in new], existing=sorted(known))

    async def get(self, event_id: str) -> runs.Run:
        """Give a run. Raises Problem where there is none."""
        found = await self.service.store.read(runs.get, event_id)
        if found is not None:
            return found
        if not any(id_.type == "runs" for id_ in self.service.processors):
            raise Problem(501, "NO_PIPELINE", "expected the processor `runs` in a pipeline of logs, there is none")
        raise Problem(404, "UNKNOWN_RUN", f"there is no run {event_id!r}")

    async def edit(self, event_id: str, body: RunEdit) -> runs.Run:
        """Change a run by a person's word. Raises Problem."""
        await self.get(event_id)
        try:
            changes = checked(body.model_dump(exclude_unset=True))
        except WrongCorrection as error:
            raise Problem(422, "INVALID_REQUEST", str(error)) from None
        return await self.service.store.write(runs.edit, event_id, changes, self.service.now_ns())


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = APIRouter(prefix="/api/v1/runs", tags=["runs"])
    desk = Desk(service)

    @router.post("", summary="Create a run", status_code=201)
    async def create(body: RunToCreate, response: Response) -> Run:
        """Create a run, once for each `event_id`; sent again, it is answered with 200 and the run as it is."""
        done = await desk.create([body])
        response.status_code = 201 if done.created else 200
        return Run.model_validate(shown(await desk.get((done.created or done.existing)[0])))

    @router.post("/batch", summary="Create many runs")
    async def create_batch(
        body: Annotated[list[RunToCreate], Body(min_length=1, max_length=_MOST_IN_BATCH)],
    ) -> RunsCreated:
        """Create runs, all of them or none."""
        return await desk.create(body)

    @router.get("", summary="List runs")
    async def list_runs(
        agent_name: _Id = "",
        status: Status | None = None,
        job_type: _Id = "",
        exclude_job_type: Annotated[str, Query(max_length=256, description="All but these, such as `test`")] = "",
        created_before: Moment | None = None,
        created_after: Moment | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        cursor: Annotated[str, Query(max_length=20, pattern=r"^\d*$", description="`next` of the page before")] = "",
    ) -> RunPage:
        """List runs, the newest first, page by page."""
        before, after = (nanoseconds(time) if time else 0 for time in (created_before, created_after))
        last = min(int(cursor or 0), 2**63 - 1)
        wanted = Wanted(agent_name, job_type, exclude_job_type, status or "", before, after, last)
        found = await service.store.read(runs.page, wanted, limit + 1)
        following = str(found[limit - 1].id) if len(found) > limit else None
        return RunPage.model_validate({"items": [shown(one) for one in found[:limit]], "next": following})

    @router.get("/export", summary="Export runs", response_class=Response, responses=_FILE)
    async def export(
        format_: Annotated[Literal["csv", "json", "xlsx"], Query(alias="format")] = "csv",
        columns: Annotated[str, Query(max_length=4096, description="Only these, in this order, by comma")] = "",
        agent_name: _Id = "",
        status: Status | None = None,
        job_type: _Id = "",
        exclude_job_type: _Id = "",
        created_before: Moment | None = None,
        created_after: Moment | None = None,
        limit: Annotated[int, Query(ge=1, le=50_000)] = 10_000,
    ) -> Response:
        """Write runs, the newest first, as CSV, JSON, or an Excel workbook with sheets by agent and by kind of job."""
        before, after = (nanoseconds(time) if time else 0 for time in (created_before, created_after))
        wanted = Wanted(agent_name, job_type, exclude_job_type, status or "", before, after)
        found = [shown(one) for one in await service.store.read(runs.page, wanted, limit)]
        try:
            rows = exports.chosen(found, [name.strip() for name in columns.split(",") if name.strip()])
        except ValueError as error:
            raise Problem(422, "INVALID_REQUEST", f"query.{error}") from None
        sheets = (lambda all_: {"Runs": all_}) if columns else exports.sheets_of_runs
        written = await run_in_threadpool(exports.write, rows, format_, sheets)
        named = {"Content-Disposition": f'attachment; filename="runs.{format_}"'}
        return Response(written, media_type=exports.MEDIA_TYPES[format_], headers=named)

    @router.get("/analytics", summary="Sum runs up")
    async def analyse(
        agent_name: _Id = "",
        status: Status | None = None,
        job_type: _Id = "",
        exclude_job_type: _Id = "",
        created_before: Moment | None = None,
        created_after: Moment | None = None,
    ) -> RunAnalytics:
        """Tell how the latest runs went: by agent and kind of job, over time, and how long they took."""
        before, after = (nanoseconds(time) if time else 0 for time in (created_before, created_after))
        wanted = Wanted(agent_name, job_type, exclude_job_type, status or "", before, after)
        found = await service.store.read(lambda db: analytics(outcomes(db, wanted, MOST_RUNS)))
        return RunAnalytics.model_validate(shown_analytics(found))

    @router.get("/{event_id}", summary="Show a run")
    async def show(event_id: str) -> RunInFull:
        """Show a run, and what people have changed of it."""
        found = await desk.get(event_id)
        edits = [shown_edit(one) for one in await service.store.read(runs.edits, event_id)]
        return RunInFull.model_validate({**shown(found), "edits": edits})

    @router.patch("/{event_id}", summary="Change a run")
    async def change(event_id: str, body: RunEdit) -> Run:
        """Change fields. What is set here, later telemetry does not change; each change is kept with the run."""
        return Run.model_validate(shown(await desk.edit(event_id, body)))

    @router.post("/{event_id}/commit", summary="Tell which commit a run brought about")
    async def commit(event_id: str, body: CommitOfRun) -> Run:
        """Note a commit. The first one holds."""
        agent = (await desk.get(event_id)).agent_name
        await Entrance(service).take(commit_payload(agent, event_id, body, service.now_ns()))
        return Run.model_validate(shown(await desk.get(event_id)))

    return router


def _checked(body: RunToCreate) -> RunToCreate:
    for name in ("metrics_json", "context_json"):
        try:
            object_of(getattr(body, name))
        except ValueError:
            raise Problem(422, "INVALID_REQUEST", f"body.{name}: expected a JSON object, or the text of one") from None
    return body

"""What the API takes and answers of runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from otel_insights.api.requests import Asked, Moment, Name
from otel_insights.api.shapes import Shape

Status = Literal["running", "success", "failed", "partial", "timeout", "cancelled"]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Label = Annotated[str, Field(max_length=256)]
Object = Annotated[dict[str, Any] | str | None, Field(description="An object, or the text of one", examples=[{"a": 1}])]


class RunToCreate(Asked):
    """A run that has begun, or that is over."""

    event_id: Name = Field("", min_length=0, description="One run each; without it, made up", examples=["run-17"])
    run_id: str = Field("", max_length=256, description="Counts as `event_id` where there is none")
    agent_name: Label = Field(min_length=1, examples=["crawler"])
    job_type: Label = Field("", examples=["nightly"])
    status: Status = "running"
    start_time: Moment | None = None
    end_time: Moment | None = None
    duration_ms: Count | None = None
    max_duration: float | None = Field(None, gt=0, description="Seconds, then a run that has not ended is stale")
    product: Label | None = None
    platform: Label | None = None
    insight_id: Label | None = None
    input_summary: str | None = Field(None, max_length=1000)
    output_summary: str | None = Field(None, max_length=1000)
    error_summary: str | None = Field(None, max_length=500)
    error_details: str | None = Field(None, max_length=5000)
    items_discovered: Count | None = None
    items_succeeded: Count | None = None
    items_failed: Count | None = None
    items_skipped: Count | None = None
    metrics_json: Object = None
    context_json: Object = None
    git_repo: str | None = Field(None, max_length=1000)
    git_branch: Label | None = None
    git_commit_hash: Label | None = None
    commit_source: Literal["manual", "llm", "ci"] | None = None
    commit_author: Label | None = None


class RunEdit(Asked):
    """Fields to change; null takes a value away. What is not named stays."""

    status: Status | None = None
    end_time: Moment | None = None
    duration_ms: Count | None = None
    error_summary: str | None = Field(None, max_length=500)
    error_details: str | None = Field(None, max_length=5000)
    output_summary: str | None = Field(None, max_length=1000)
    items_succeeded: Count | None = None
    items_failed: Count | None = None
    items_skipped: Count | None = None
    metrics_json: Object = None
    context_json: Object = None


class CommitOfRun(Asked):
    """The commit that a run brought about."""

    commit_hash: Label = Field(min_length=1, examples=["9fceb02"])
    commit_source: Literal["manual", "llm", "ci"] | None = None
    commit_author: Label | None = None


class Run(Shape):
    """A run, as it is known now."""

    event_id: str
    run_id: str
    agent_name: str
    job_type: str
    status: str
    created_at: str
    updated_at: str
    start_time: str | None
    end_time: str | None
    stale: bool = Field(description="Whether it is cancelled since nothing was heard of its end")
    duration_ms: int | None
    service_namespace: str
    service_name: str
    trace_id: str | None
    product: str | None
    platform: str | None
    insight_id: str | None
    input_summary: str | None
    output_summary: str | None
    error_summary: str | None
    error_details: str | None
    items_discovered: int | None
    items_succeeded: int | None
    items_failed: int | None
    items_skipped: int | None
    metrics_json: str | None
    context_json: str | None
    git_repo: str | None
    git_branch: str | None
    git_commit_hash: str | None
    commit_source: str | None
    commit_author: str | None


class Edit(Shape):
    """What a person has changed."""

    time: str
    field: str
    before: str | None
    after: str | None


class RunInFull(Run):
    """A run, and what people have changed of it."""

    edits: list[Edit]


class RunPage(Shape):
    """Some runs, and where the next ones begin."""

    items: list[Run]
    next: str | None = Field(description="Give this as `cursor` for the next page; null on the last one")


class RunsCreated(Shape):
    """What became of a batch."""

    created: list[str] = Field(description="Their ids")
    existing: list[str] = Field(description="Those that were known, and stay as they were")


class RunGroup(Shape):
    """Runs of one agent, or of one kind of job."""

    name: str
    runs: int
    ended: int
    succeeded: int
    success_share: float | None = Field(description="Of those that ended")
    success_interval: tuple[float, float] = Field(description="95 %, Wilson")
    mean_duration_ms: int | None
    items_succeeded: int
    items_failed: int
    items_skipped: int


class RunPeriod(Shape):
    """Runs that began from `begin` on, for as long as `period_seconds` says."""

    begin: str
    succeeded: int
    failed: int = Field(description="Whatever ended otherwise")
    running: int


class RunDuration(Shape):
    """Runs that took from `from_ms` to less than `to_ms`."""

    from_ms: int
    to_ms: int | None
    runs: int


class RunAnalytics(Shape):
    """How runs went."""

    runs: int = Field(description="The latest that meet the filter, 10,000 at most")
    by_agent: list[RunGroup] = Field(description="The 20 most frequent; the last one may be all others")
    by_job_type: list[RunGroup]
    period_seconds: int
    timeline: list[RunPeriod]
    durations: list[RunDuration]

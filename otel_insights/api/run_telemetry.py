"""A run that comes by JSON -> the log events `run.start`, `run.end` and `run.commit`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from otel_insights import semconv
from otel_insights.api import telemetry
from otel_insights.api.run_shapes import CommitOfRun, RunToCreate
from otel_insights.payload import Payload

_OF_START: Final = {
    "product": semconv.RUN_PRODUCT,
    "platform": semconv.RUN_PLATFORM,
    "insight_id": semconv.RUN_INSIGHT_ID,
    "input_summary": semconv.RUN_INPUT_SUMMARY,
    "git_repo": semconv.VCS_REPOSITORY,
    "git_branch": semconv.VCS_BRANCH,
    "git_commit_hash": semconv.VCS_REVISION,
    "commit_source": semconv.RUN_COMMIT_SOURCE,
    "commit_author": semconv.RUN_COMMIT_AUTHOR,
    "max_duration": semconv.RUN_MAX_DURATION,
}
_OF_END: Final = {
    "output_summary": semconv.RUN_OUTPUT_SUMMARY,
    "error_summary": semconv.RUN_ERROR_SUMMARY,
    "error_details": semconv.RUN_ERROR_DETAILS,
    **{f"items_{one}": f"{semconv.RUN_ITEMS}.{one}" for one in ("discovered", "succeeded", "failed", "skipped")},
}
_FAILED: Final = ("failed", "timeout")


def payload_of(runs: Iterable[tuple[str, RunToCreate]], now_ns: int) -> Payload:
    """Write runs, each with its id, as one request; an agent is a service, since nobody says more of where it ran."""
    request = ExportLogsServiceRequest()
    for id_, run in runs:
        sender = telemetry.resource({semconv.SERVICE_NAME: run.agent_name})
        part = request.resource_logs.add(resource=sender)
        part.scope_logs.add().log_records.extend(_records(id_, run, now_ns))
    return Payload.of(request)


def _records(id_: str, run: RunToCreate, now_ns: int) -> Iterable[LogRecord]:
    whose = {semconv.RUN_ID: id_, semconv.RUN_AGENT: run.agent_name, semconv.RUN_JOB_TYPE: run.job_type or None}
    start_ns, end_ns, duration = _times(run, now_ns)
    begun = {**object_of(run.context_json), **whose, **_named(run, _OF_START)}
    yield telemetry.record(start_ns, begun, event=semconv.RUN_START, level="INFO")
    if run.status != "running":
        metrics = {f"{semconv.RUN_METRIC}.{name}": value for name, value in object_of(run.metrics_json).items()}
        told = {semconv.RUN_STATUS: run.status, semconv.RUN_DURATION: duration}
        level = "ERROR" if run.status in _FAILED else "INFO"
        yield telemetry.record(
            end_ns, {**metrics, **whose, **_named(run, _OF_END), **told}, event=semconv.RUN_END, level=level
        )


def _named(run: RunToCreate, names: Mapping[str, str]) -> dict[str, Any]:
    return {attribute: getattr(run, field) for field, attribute in names.items()}


def _times(run: RunToCreate, now_ns: int) -> tuple[int, int, float]:
    """Give start, end (ns since the epoch) and duration (s); what is not told follows from the others, or from now."""
    length = None if run.duration_ms is None else run.duration_ms * 10**6
    start, end = _ns(run.start_time), _ns(run.end_time)
    if start is None:
        start = max((end or now_ns) - (length or 0), 1)
    if end is None:
        end = min(start + length, 2**63 - 1) if length is not None else max(now_ns, start)
    return start, end, (length if length is not None else max(end - start, 0)) / 1e9


def _ns(time: datetime | None) -> int | None:
    return None if time is None else telemetry.nanoseconds(time)


def object_of(told: dict[str, Any] | str | None) -> dict[str, Any]:
    """Read an object, or its text. Raises ValueError for any other JSON, and for what is none."""
    read = json.loads(told) if isinstance(told, str) and told else told or {}
    if not isinstance(read, dict):
        raise ValueError("expected a JSON object")  # noqa: TRY004 - of a value, not of a type in code
    return read


def commit_payload(agent: str, id_: str, commit: CommitOfRun, now_ns: int) -> Payload:
    """Write which commit a run brought about."""
    told = {
        semconv.RUN_ID: id_,
        semconv.VCS_REVISION: commit.commit_hash,
        semconv.RUN_COMMIT_SOURCE: commit.commit_source,
        semconv.RUN_COMMIT_AUTHOR: commit.commit_author,
    }
    record = telemetry.record(now_ns, told, event=semconv.RUN_COMMIT, level="INFO")
    return telemetry.logs(telemetry.resource({semconv.SERVICE_NAME: agent}), [record])

"""What a person may change of a run, within which limits, and what is shown of one: by the API and the commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from otel_insights.report import rfc3339
from otel_insights.store.corrections import WrongCorrection
from otel_insights.store.runs import STATUSES, Edit, Run, Value
from otel_insights.units import epoch_ns

_MOST_INT: Final = 2**63 - 1
_LONGEST_JSON: Final = 65_536


def checked(changes: Mapping[str, Any]) -> dict[str, Value]:
    """Check changes, by the names that people use (`end_time`, `metrics_json`), and give the columns of the store.

    None takes a value away, but for the status. Raises WrongCorrection, which names every field that is wrong.
    """
    found: dict[str, Value] = {}
    wrong: list[str] = []
    for name, value in changes.items():
        if name not in FIELDS:
            wrong.append(f"{name}: expected one of {', '.join(FIELDS)}")
            continue
        column, check = FIELDS[name]
        try:
            found[column] = None if value is None and name != "status" else check(value)
        except (TypeError, ValueError) as error:
            wrong.append(f"{name}: {error}")
    if wrong:
        raise WrongCorrection("; ".join(wrong))
    return found


def _status(value: Any) -> str:  # noqa: ANN401 - whatever a person gives
    if value not in STATUSES:
        raise ValueError(f"expected one of {', '.join(STATUSES)}, got {value!r}")
    return str(value)


def _text(most: int) -> Callable[[Any], str]:
    def check(value: Any) -> str:  # noqa: ANN401
        if not isinstance(value, str) or len(value) > most:
            raise ValueError(f"expected a text of at most {most} characters")
        return value

    return check


def _count(value: Any) -> int:  # noqa: ANN401
    number = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= _MOST_INT:
        raise ValueError(f"expected a whole number of at least 0, got {value!r}")
    return number


def time_ns(value: Any) -> int:  # noqa: ANN401
    """Read a time of ISO 8601, UTC where it names no zone. Raises ValueError.

    >>> time_ns("1970-01-01T01:00:01+01:00")
    1000000000
    """
    try:
        nanoseconds = epoch_ns(value if isinstance(value, datetime) else str(value))
    except ValueError:
        nanoseconds = -1
    if not 0 <= nanoseconds <= _MOST_INT:
        raise ValueError(f"expected a time such as 2026-12-31T12:00:00Z, got {value!r}")
    return nanoseconds


def _json(value: Any) -> str:  # noqa: ANN401
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        json.loads(text)
    except ValueError:
        raise ValueError("expected valid JSON") from None
    if len(text) > _LONGEST_JSON:
        raise ValueError(f"expected JSON of at most {_LONGEST_JSON} characters")
    return text


FIELDS: Final[Mapping[str, tuple[str, Callable[[Any], Value]]]] = {
    "status": ("status", _status),
    "end_time": ("end_ns", time_ns),
    "duration_ms": ("duration_ms", _count),
    "error_summary": ("error_summary", _text(500)),
    "error_details": ("error_details", _text(5000)),
    "output_summary": ("output_summary", _text(1000)),
    "items_succeeded": ("items_succeeded", _count),
    "items_failed": ("items_failed", _count),
    "items_skipped": ("items_skipped", _count),
    "metrics_json": ("metrics_json", _json),
    "context_json": ("context_json", _json),
}
"""Field -> column, and what checks a value."""
_PLAIN: Final = (
    "duration_ms", "product", "platform", "insight_id", "input_summary", "output_summary", "error_summary",
    "error_details", "items_discovered", "items_succeeded", "items_failed", "items_skipped", "metrics_json",
    "context_json", "git_repo", "git_branch", "git_commit_hash", "commit_source", "commit_author",
)  # fmt: skip


def shown(run: Run) -> dict[str, Any]:
    """Write a run for a person or a program to read, under the names of its fields."""
    return {
        "event_id": run.event_id,
        "run_id": run.event_id,
        "agent_name": run.agent_name,
        "job_type": run.job_type,
        "status": run.status,
        "created_at": rfc3339(run.created_ns),
        "updated_at": rfc3339(run.updated_ns),
        "start_time": rfc3339(run.start_ns) if run.start_ns is not None else None,
        "end_time": rfc3339(run.end_ns) if run.end_ns is not None else None,
        "stale": run.stale_ns is not None,
        "service_namespace": run.namespace,
        "service_name": run.service,
        "trace_id": run.trace_id.hex() if run.trace_id else None,
        **{name: getattr(run, name) for name in _PLAIN},
    }


def shown_edit(edit: Edit) -> dict[str, Any]:
    """Write what a person has changed."""
    return {"time": rfc3339(edit.time_ns), "field": edit.field, "before": edit.before, "after": edit.after}

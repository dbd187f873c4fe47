"""What a run tells, in attributes: within the limits of its fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypedDict, get_args

from otel_insights import semconv
from otel_insights.client import plain
from otel_insights.client.guard import once

Status = Literal["success", "failed", "partial", "timeout", "cancelled"]
MAX_DURATION = 3600.0
"""Seconds after which a run that has not ended counts as stale, unless it says otherwise."""
_ITEMS = ("items_discovered", "items_succeeded", "items_failed", "items_skipped")
_LABEL, _SUMMARY, _TEXT, _DETAILS = 256, 500, 1000, 5000
"""Characters."""
_FIELDS = {
    "product": (semconv.RUN_PRODUCT, _LABEL),
    "platform": (semconv.RUN_PLATFORM, _LABEL),
    "insight_id": (semconv.RUN_INSIGHT_ID, _LABEL),
    "input_summary": (semconv.RUN_INPUT_SUMMARY, _TEXT),
    "git_repo": (semconv.VCS_REPOSITORY, _TEXT),
    "git_branch": (semconv.VCS_BRANCH, _LABEL),
    "git_commit_hash": (semconv.VCS_REVISION, _LABEL),
}

if TYPE_CHECKING:
    from otel_insights.redaction import Redactor

    class StartFields(TypedDict, total=False):
        """What may be said when a run begins."""

        run_id: str | None
        """Another one than a random one: the same run is told once, whoever tells it."""
        product: str | None
        platform: str | None
        insight_id: str | None
        """The finding of otel-insights that caused the run."""
        input_summary: str | None
        git_repo: str | None
        git_branch: str | None
        git_commit_hash: str | None
        max_duration: float
        """Seconds, then the server takes it for stale."""
        attributes: Mapping[str, object] | None

    class EndFields(TypedDict, total=False):
        """What may be said when a run ends."""

        output_summary: str | None
        error_summary: str | None
        error_details: str | None
        items_discovered: int | None
        items_succeeded: int | None
        items_failed: int | None
        items_skipped: int | None
        metrics: Mapping[str, float | str] | None
        """Others of your own."""


def labels(agent: str, job_type: str) -> dict[str, object]:
    """Say whose run it is: on its start and its end."""
    return _cut({semconv.RUN_AGENT: (agent, _LABEL), semconv.RUN_JOB_TYPE: (job_type, _LABEL)})


def starting(fields: StartFields) -> dict[str, object]:
    """Make attributes of what is known at the start; what is no field is refused, once, and never raised."""
    for name in fields.keys() - _FIELDS.keys() - {"run_id", "max_duration", "attributes"}:
        once(f"the field {name} of a run, which there is not,")
    told = _cut({name: (fields.get(key), most) for key, (name, most) in _FIELDS.items()})
    given = fields.get("max_duration")
    longest = plain.measured(MAX_DURATION if given is None else given)
    if longest is None or longest <= 0:
        once(f"max_duration={plain.plain(given)!r} of a run, which is no number of seconds above 0,")
        longest = MAX_DURATION
    return {**told, semconv.RUN_MAX_DURATION: float(longest)}


def ended(fields: EndFields) -> dict[str, object]:
    """Take out what is counted; what is no field is refused, once, and never raised."""
    for name in fields.keys() - {*_ITEMS, "output_summary", "error_summary", "error_details", "metrics"}:
        once(f"the field {name} of a run, which there is not,")
    metrics: object = fields.get("metrics")
    if metrics is not None and not isinstance(metrics, Mapping):
        once(f"taking metrics of a run, which were no mapping but {type(metrics).__name__},")
        metrics = None
    named = {plain.text(key): value for key, value in (metrics or {}).items()}
    return {**named, **{key: fields.get(key) for key in _ITEMS}}


def ending(output_summary: object, error_summary: object, error_details: object) -> dict[str, object]:
    """Make attributes of what is told at the end."""
    return _cut(
        {
            semconv.RUN_OUTPUT_SUMMARY: (output_summary, _TEXT),
            semconv.RUN_ERROR_SUMMARY: (error_summary, _SUMMARY),
            semconv.RUN_ERROR_DETAILS: (error_details, _DETAILS),
        }
    )


def _cut(texts: Mapping[str, tuple[object, int]]) -> dict[str, object]:
    """Keep what was given; of details the end, where a trace says what happened, of all else the beginning."""
    found: dict[str, object] = {}
    for name, (value, most) in texts.items():
        if value is not None and (not isinstance(value, str) or value):
            said = plain.text(value)
            found[name] = said[-most:] if name == semconv.RUN_ERROR_DETAILS else said[:most]
    return found


def status_of(status: object) -> str:
    """Check a status; what is none counts as failed, and is said once."""
    if isinstance(status, str) and status in get_args(Status):
        return str(status)
    once(f"the status {plain.plain(status)!r} of a run, which is none of {', '.join(get_args(Status))},")
    return "failed"


def counted(metrics: Mapping[str, object], redactor: Redactor) -> dict[str, object]:
    """Make attributes of items and metrics; items that are no whole numbers of 0 or more are refused.

    Texts are cleaned by their names here: the names of their attributes tell no rule what they are.
    """
    found: dict[str, object] = {}
    for name, value in metrics.items():
        if value is None:
            continue
        number = plain.measured(value)
        if name not in _ITEMS:
            said = redactor.attributes({name: plain.text(value)})[name] if number is None else number
            found[f"{semconv.RUN_METRIC}.{name}"] = said
        elif isinstance(number, int) and not isinstance(value, bool) and number >= 0:
            found[f"{semconv.RUN_ITEMS}.{name.removeprefix('items_')}"] = number
        else:
            once(f"{name}={plain.plain(value)!r} of a run, which is no whole number of 0 or more,")
    return found

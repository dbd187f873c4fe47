"""Runs of jobs and agents: begun, ended, cancelled when nothing is heard of them, and corrected by people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, NamedTuple

from otel_insights.redaction import Redactor
from otel_insights.store import outbox
from otel_insights.store.corrections import WrongCorrection
from otel_insights.store.engine import Database
from otel_insights.store.outbox import Finding
from otel_insights.store.redacted import object_text, redactor

Value = str | int | bytes | None
STATUSES: Final = ("running", "success", "failed", "partial", "timeout", "cancelled")
EDITABLE: Final = (
    "status", "end_ns", "duration_ms", "error_summary", "error_details", "output_summary",
    "items_succeeded", "items_failed", "items_skipped", "metrics_json", "context_json",
)  # fmt: skip
_OF_THE_END: Final = frozenset(EDITABLE) | {"items_discovered"}
MOST_AT_ONCE: Final = 500


class Run(NamedTuple):
    """A run, as it is known now. Times are in nanoseconds since the epoch."""

    id: int
    event_id: str
    agent_name: str
    job_type: str
    status: str
    created_ns: int
    updated_ns: int
    start_ns: int | None
    end_ns: int | None
    duration_ms: int | None
    due_ns: int | None
    """When it counts as stale, unless it has ended by then."""
    stale_ns: int | None
    """When it came to count as stale."""
    namespace: str
    service: str
    instance: str
    trace_id: bytes | None
    span_id: bytes | None
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


COLUMNS: Final = Run._fields
_SELECT: Final = f"SELECT {', '.join(COLUMNS)} FROM run"  # noqa: S608 - names of our own


@dataclass(frozen=True, slots=True)
class Told:
    """What an event tells of a run; `values` are columns. Told again, it changes nothing.

    `start` and `commit` fill what is not known yet. `end` holds against all but what a person has set.
    """

    event_id: str
    kind: Literal["start", "end", "commit"]
    values: Mapping[str, Value] = field(default_factory=dict)


def record(db: Database, events: Iterable[Told], now_ns: int) -> None:
    """Take what events tell, in whatever order they come; texts are cleaned of secrets."""
    clean = redactor(db)
    for one in events:
        db.execute(
            "INSERT INTO run (event_id, created_ns, updated_ns) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [one.event_id, now_ns, now_ns],
        )
        if one.kind == "end":  # it was not stale after all
            db.execute(
                "UPDATE run SET status = 'running', stale_ns = NULL, error_summary = NULL"
                " WHERE event_id = ? AND stale_ns IS NOT NULL",
                [one.event_id],
            )
        values = {key: _cleaned(clean, key, value) for key, value in _not_by_people(db, one).items()}
        _set(db, one, values, now_ns)


def _cleaned(clean: Redactor, column: str, value: Value) -> Value:
    if not isinstance(value, str):
        return value
    if column in _OBJECTS:
        return object_text(clean, value)
    if column in _TOLD:
        return clean.text(value)
    return _CREDENTIALS.text(value) if column == "git_repo" else value


_OBJECTS: Final = frozenset({"metrics_json", "context_json"})
_TOLD: Final = frozenset({"input_summary", "output_summary", "error_summary", "error_details", "insight_id"})
"""Columns that hold what a program writes of itself."""
_CREDENTIALS: Final = Redactor(rules=("secrets",))
"""A repository's host is no secret; the token that some write before it is."""


def _not_by_people(db: Database, told: Told) -> dict[str, Value]:
    rows = db.execute("SELECT DISTINCT field FROM run_edit WHERE event_id = ?", [told.event_id])
    edited = {row[0] for row in rows}
    return {key: value for key, value in told.values.items() if value is not None and key not in edited}


def _set(db: Database, told: Told, values: Mapping[str, Value], now_ns: int) -> None:
    if not values:
        return
    if unknown := values.keys() - set(COLUMNS):
        raise ValueError(f"expected columns of a run, got {', '.join(sorted(unknown))}")
    anew = _OF_THE_END if told.kind == "end" else ()
    setting = ", ".join(f"{key} = :{key}" if key in anew else _filled(key, value) for key, value in values.items())
    asked = {**values, "_event_id": told.event_id, "_now": now_ns}
    db.execute(f"UPDATE run SET {setting}, updated_ns = :_now WHERE event_id = :_event_id", asked)  # noqa: S608


def _filled(column: str, value: Value) -> str:
    known = f"nullif({column}, '')" if isinstance(value, str) else column
    return f"{column} = coalesce({known}, :{column})"


def overdue(db: Database, now_ns: int) -> list[Run]:
    """Read runs that should have ended by now, `MOST_AT_ONCE` of them."""
    rows = db.execute(
        f"{_SELECT} WHERE status = 'running' AND due_ns < ? ORDER BY due_ns LIMIT ?", [now_ns, MOST_AT_ONCE]
    )
    return list(map(Run._make, rows))


def cancel(db: Database, stale: Sequence[tuple[Run, str, Finding]], now_ns: int) -> None:
    """Cancel runs that are stale, each with the reason, and put the findings that report it."""
    for run, reason, finding in stale:
        done = db.execute(
            "UPDATE run SET status = 'cancelled', end_ns = ?, stale_ns = ?, error_summary = ?, updated_ns = ?"
            " WHERE id = ? AND status = 'running'",
            [now_ns, now_ns, reason, now_ns, run.id],
        ).rowcount
        if done:
            outbox.put(db, [finding])


def edit(db: Database, event_id: str, changes: Mapping[str, Value], now_ns: int) -> Run:
    """Change fields by a person's word, which is kept beside the run. Raises WrongCorrection for what cannot be."""
    run = get(db, event_id)
    if run is None:
        raise WrongCorrection(f"there is no run {event_id!r}")
    if wrong := changes.keys() - set(EDITABLE):
        raise WrongCorrection(f"expected some of {', '.join(EDITABLE)}, got {', '.join(sorted(wrong))}")
    changed = {key: value for key, value in changes.items() if getattr(run, key) != value}
    for key, value in changed.items():
        db.execute(
            "INSERT INTO run_edit (event_id, time_ns, field, before, after) VALUES (?, ?, ?, ?, ?)",
            [event_id, now_ns, key, _text(getattr(run, key)), _text(value)],
        )
        db.execute(f"UPDATE run SET {key} = ?, updated_ns = ? WHERE event_id = ?", [value, now_ns, event_id])  # noqa: S608
    return get(db, event_id) or run


def _text(value: Value) -> str | None:
    return None if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Edit:
    """A field that a person changed."""

    time_ns: int
    field: str
    before: str | None
    after: str | None


def edits(db: Database, event_id: str) -> list[Edit]:
    """Read what people have changed of a run, in order."""
    rows = db.execute("SELECT time_ns, field, before, after FROM run_edit WHERE event_id = ? ORDER BY id", [event_id])
    return [Edit(*row) for row in rows]


def get(db: Database, event_id: str) -> Run | None:
    """Read one run."""
    row = db.execute(f"{_SELECT} WHERE event_id = ?", [event_id]).fetchone()
    return Run(*row) if row else None


def known(db: Database, event_ids: Iterable[str]) -> set[str]:
    """Tell which of these runs there are."""
    asked = "SELECT 1 FROM run WHERE event_id = ?"
    return {id_ for id_ in event_ids if db.execute(asked, [id_]).fetchone()}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs: those that meet everything that is not empty. `before_id` goes on behind a page."""

    agent_name: str = ""
    job_type: str = ""
    not_job_type: str = ""
    status: str = ""
    created_before_ns: int = 0
    created_after_ns: int = 0
    before_id: int = 0


def met(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    """Write what a run has to meet as the condition of a query, with its parameters."""
    conditions = {
        "agent_name = :agent_name": wanted.agent_name,
        "job_type = :job_type": wanted.job_type,
        "job_type != :not_job_type": wanted.not_job_type,
        "status = :status": wanted.status,
        "created_ns < :created_before_ns": wanted.created_before_ns,
        "created_ns >= :created_after_ns": wanted.created_after_ns,
        "id < :before_id": wanted.before_id,
    }
    text = " AND ".join(text for text, value in conditions.items() if value) or "true"
    return text, asdict(wanted)


def page(db: Database, wanted: Wanted, most: int) -> list[Run]:
    """Read runs, the newest first."""
    return list(map(Run._make, _rows(db, _SELECT, wanted, most)))


class Listed(NamedTuple):
    """What a list shows of a run; as in `Run`."""

    id: int
    event_id: str
    agent_name: str
    job_type: str
    status: str
    created_ns: int
    start_ns: int | None
    duration_ms: int | None
    stale_ns: int | None
    items_succeeded: int | None
    items_failed: int | None
    items_skipped: int | None
    said: str | None
    """Its error, else what it put out, in short."""


_LISTED: Final = (
    f"SELECT {', '.join(Listed._fields[:-1])},"  # noqa: S608 - names of our own
    " coalesce(nullif(error_summary, ''), output_summary) FROM run"
)


def listed(db: Database, wanted: Wanted, most: int) -> list[Listed]:
    """Read runs as a list shows them, the newest first: in a third of the time of whole ones."""
    return list(map(Listed._make, _rows(db, _LISTED, wanted, most)))


def _rows(db: Database, select: str, wanted: Wanted, most: int) -> list[tuple[Any, ...]]:
    condition, asked = met(wanted)
    sql = f"{select} WHERE {condition} ORDER BY id DESC LIMIT :most"
    return list(db.execute(sql, {**asked, "most": most}).fetchall())


def forget(db: Database, created_before_ns: int, most_runs: int) -> int:
    """Drop runs that are old, or beyond a number, `MOST_AT_ONCE` of them; returns how many went."""
    gone = [
        (row[0],)
        for row in db.execute(
            # of the oldest alone: a look at all of them, at every analysis, would hold up who writes
            "SELECT event_id FROM (SELECT event_id, id, created_ns FROM run ORDER BY id LIMIT ?) AS oldest"
            " WHERE created_ns < ? OR id <= (SELECT max(id) FROM run) - ?",
            [MOST_AT_ONCE, created_before_ns, most_runs],
        )
    ]
    db.conn.executemany("DELETE FROM run_edit WHERE event_id = ?", gone)
    db.conn.executemany("DELETE FROM run WHERE event_id = ?", gone)
    return len(gone)


def as_json_text(values: Mapping[str, Any]) -> str | None:
    """Write what a run tells beyond its fields; None for nothing. What is too long is left out, and that is said."""
    if not values:
        return None
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= _LONGEST_JSON else json.dumps({"left_out": f"{len(text)} characters"})


_LONGEST_JSON: Final = 65_536

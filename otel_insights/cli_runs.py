"""`otel-insights runs ...`: look at the runs of jobs and agents, and correct them, one or many."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from otel_insights.cli_in_store import Json, StoreUrl, in_store, read_store, say

if TYPE_CHECKING:
    from otel_insights.store.engine import Database
    from otel_insights.store.run_changes import Differing
    from otel_insights.store.runs import Run, Value, Wanted

# Commands import what they need inside, as in cli.py.

_A_PART = 200
"""Runs changed in one transaction."""

app = typer.Typer(help="Runs of jobs and agents: look at them, and correct them.", no_args_is_help=True)

Agent = Annotated[str, typer.Option(help="Only of this agent.", metavar="NAME")]
Job = Annotated[str, typer.Option("--job-type", help="Only of this kind of job.", metavar="TYPE")]
Status = Annotated[str, typer.Option(help="Only running, success, failed, partial, timeout, cancelled.")]
Before = Annotated[str, typer.Option("--created-before", help="Only older ones.", metavar="TIME")]


@app.command("list")
def list_runs(
    agent: Agent = "",
    job_type: Job = "",
    status: Status = "",
    created_before: Before = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50,
    store: StoreUrl = "",
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """List runs, the newest first."""
    from otel_insights.run_edits import shown  # noqa: PLC0415

    rows = [shown(run) for run in _found(store, _wanted(agent, job_type, status, created_before), limit)]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        items = "/".join(str(row[f"items_{result}"] or 0) for result in ("succeeded", "failed", "skipped"))
        typer.echo(
            f"{row['event_id']}  {row['created_at']}  {row['status']:<9}  {row['agent_name']} {row['job_type']}"
            f"  {items}  {row['error_summary'] or row['output_summary'] or ''}".rstrip()
        )


@app.command()
def show(
    run: Annotated[str, typer.Argument(help="Its id.", metavar="ID")],
    store: StoreUrl = "",
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Show one run, and what people have changed of it."""
    from otel_insights.run_edits import shown, shown_edit  # noqa: PLC0415
    from otel_insights.store import runs  # noqa: PLC0415

    def read(db: Database) -> dict[str, Any] | None:
        found = runs.get(db, run)
        return {**shown(found), "edits": [shown_edit(one) for one in runs.edits(db, run)]} if found else None

    row = read_store(store, read)
    if row is None:
        typer.echo(f"there is no run {run!r}", err=True)
        raise typer.Exit(1)
    if as_json:
        typer.echo(json.dumps(row, indent=1))
        return
    for name, value in row.items():
        if value not in (None, "", []) and name not in {"run_id", "edits"}:
            typer.echo(f"{name:<18}{value}")
    for edit in row["edits"]:
        typer.echo(f"{edit['time']}  {edit['field']}: {edit['before']!r} -> {edit['after']!r}")


@app.command()
def update(
    setting: Annotated[
        list[str], typer.Option("--set", help="FIELD=VALUE; an empty value takes it away.", metavar="F=V")
    ],
    ids: Annotated[list[str] | None, typer.Argument(help="Their ids; or use the options.", metavar="[ID]...")] = None,
    agent: Agent = "",
    job_type: Job = "",
    status: Status = "",
    created_before: Before = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,  # noqa: FBT002
    store: StoreUrl = "",
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Change fields of runs, many at once: first with --dry-run. What you set, later telemetry does not change."""
    from otel_insights.run_edits import checked  # noqa: PLC0415
    from otel_insights.store import run_changes  # noqa: PLC0415
    from otel_insights.store.corrections import WrongCorrection  # noqa: PLC0415

    try:
        changes = checked(dict(_assignment(one) for one in setting))
    except WrongCorrection as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    wanted = _wanted(agent, job_type, status, created_before)
    if not ids and not any((agent, job_type, status, created_before)):
        typer.echo("expected ids, or at least one of --agent, --job-type, --status, --created-before", err=True)
        raise typer.Exit(2)
    found = _differing(store, ids or wanted, changes)
    if dry_run:
        steps = read_store(store, lambda db: list(run_changes.steps(db, found.ids, changes)))
        lines = [f"{one.event_id}  {one.field}: {one.before!r} -> {one.after!r}" for one in steps]
        told = {"chosen": found.chosen, "would_change": [asdict(one) for one in steps]}
        say(as_json, told, "\n".join([*lines, f"{len(found.ids)} of {found.chosen} runs would change"]))
        return
    failed = _apply(store, found.ids, changes)
    for run, reason in failed.items():
        typer.echo(f"{run}: {reason}", err=True)
    changed = len(found.ids) - len(failed)
    told = {"chosen": found.chosen, "changed": changed, "failed": failed}
    say(as_json, told, f"{changed} of {found.chosen} runs changed")
    raise typer.Exit(bool(failed))


def _differing(store: str, which: Wanted | list[str], changes: Mapping[str, Value]) -> Differing:
    from otel_insights.store import run_changes  # noqa: PLC0415

    found = read_store(store, lambda db: run_changes.differing(db, which, changes, 1_000_000))
    if found.missing:
        typer.echo(f"there is no run {', '.join(map(repr, found.missing))}", err=True)
        raise typer.Exit(1)
    return found


def _apply(store: str, ids: Sequence[str], changes: Mapping[str, Value]) -> dict[str, str]:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    failed: dict[str, str] = {}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("changing runs", total=len(ids))
        for begin in range(0, len(ids), _A_PART):
            part = ids[begin : begin + _A_PART]
            failed |= in_store(store, None, partial(_change, part, changes))
            progress.advance(task, len(part))
    return failed


def _change(ids: Sequence[str], changes: Mapping[str, Value], db: Database, now_ns: int) -> dict[str, str]:
    from otel_insights.store import run_changes  # noqa: PLC0415

    return run_changes.change(db, ids, changes, now_ns)


def _assignment(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    if not equals:
        typer.echo(f"--set: expected FIELD=VALUE, got {text!r}", err=True)
        raise typer.Exit(2)
    return name.strip(), value or None


def _wanted(agent: str, job_type: str, status: str, created_before: str) -> Wanted:
    from otel_insights.run_edits import time_ns  # noqa: PLC0415
    from otel_insights.store.runs import STATUSES, Wanted  # noqa: PLC0415

    if status and status not in STATUSES:
        typer.echo(f"--status: expected one of {', '.join(STATUSES)}, got {status!r}", err=True)
        raise typer.Exit(2)
    try:
        before = time_ns(created_before) if created_before else 0
    except ValueError as error:
        typer.echo(f"--created-before: {error}", err=True)
        raise typer.Exit(2) from None
    return Wanted(agent_name=agent, job_type=job_type, status=status, created_before_ns=before)


def _found(store: str, wanted: Wanted, most: int) -> list[Run]:
    from otel_insights.store import runs  # noqa: PLC0415

    return read_store(store, lambda db: runs.page(db, wanted, most))

"""`otel-insights export`: what was found, and runs, as tables for other programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from otel_insights.cli_in_store import StoreUrl, read_store

if TYPE_CHECKING:
    from otel_insights.store.engine import Database

# Commands import what they need inside, as in cli.py.


class What(str, Enum):
    """What can be exported."""

    runs = "runs"
    clusters = "clusters"
    suggestions = "suggestions"
    anomalies = "anomalies"
    environments = "environments"


class Format(str, Enum):
    """As what."""

    csv = "csv"
    json = "json"
    xlsx = "xlsx"


def add_commands(app: typer.Typer) -> None:
    """Add `export`."""
    app.command("export")(export)


def export(
    what: Annotated[What, typer.Argument(help="What to export.")],
    format_: Annotated[Format, typer.Option("--format", help="As what.")] = Format.csv,
    columns: Annotated[str, typer.Option(help="Only these, in this order, by comma.", metavar="NAMES")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many at most.")] = 10_000,
    out: Annotated[Path | None, typer.Option(help="Where to; else standard output.", metavar="FILE")] = None,
    store: StoreUrl = "",
) -> None:
    """Write a table: CSV, JSON, or an Excel workbook (of runs with sheets by agent and by kind of job)."""
    from otel_insights import exports  # noqa: PLC0415

    rows: Sequence[Mapping[str, Any]] = read_store(store, lambda db: _rows(db, what, limit))
    try:
        rows = exports.chosen(rows, [name.strip() for name in columns.split(",") if name.strip()])
    except ValueError as error:
        typer.echo(f"--{error}", err=True)
        raise typer.Exit(2) from None
    sheets = exports.sheets_of_runs if what is What.runs and not columns else lambda all_: {what.value.title(): all_}
    written = exports.write(rows, format_.value, sheets)
    if out:
        out.write_bytes(written)
        typer.echo(f"{len(rows)} {what.value} in {out}", err=True)
    elif format_ is Format.xlsx and sys.stdout.isatty():
        typer.echo("--out: expected a file, since a workbook is nothing to be read on a terminal", err=True)
        raise typer.Exit(2)
    else:
        sys.stdout.buffer.write(written)
        sys.stdout.flush()


def _rows(db: Database, what: What, limit: int) -> list[dict[str, Any]]:
    from otel_insights.environment_listing import environment_row  # noqa: PLC0415
    from otel_insights.listing import listed  # noqa: PLC0415
    from otel_insights.report import anomaly_row  # noqa: PLC0415
    from otel_insights.run_edits import shown  # noqa: PLC0415
    from otel_insights.store import anomalies, environments, runs, suggestions  # noqa: PLC0415

    if what is What.runs:
        return [shown(one) for one in runs.page(db, runs.Wanted(), limit)]
    if what is What.clusters:
        return listed(db, None, "")[:limit]
    if what is What.suggestions:
        return [dict(one.body) for one, _ in suggestions.page(db, limit=limit)]
    if what is What.anomalies:
        return [anomaly_row(one) for one in anomalies.page(db, limit=limit)]
    return [environment_row(one) for one in environments.page(db, limit=limit)]

"""`otel-insights events`: which log events have come, and which have not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from otel_insights.cli_in_store import Config, Json, StoreUrl, in_store

if TYPE_CHECKING:
    from otel_insights.store.engine import Database


def add_commands(app: typer.Typer) -> None:
    """Add the command to the others."""
    app.command()(events)


def events(
    service: Annotated[str, typer.Option(help="Only of this service.name.")] = "",
    since: Annotated[str, typer.Option(help="Only since 2026-12-31T12:00:00Z, or for so long: 15m, 2h.")] = "",
    expect: Annotated[
        list[str] | None, typer.Option(help="An event that should have come; may be given again.", metavar="NAME")
    ] = None,
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Tell which log events came, as far as the window of the processor `logs` holds them, and which did not.

    Exit code 1 where one that is expected did not come.
    """
    from otel_insights import seen_events  # noqa: PLC0415
    from otel_insights.log_window import since as time_of  # noqa: PLC0415

    def read(db: Database, now_ns: int) -> dict[str, Any]:
        found = seen_events.seen(db, service, time_of(since, now_ns), _MOST_BYTES)
        return seen_events.shown(found, expect or ())

    told = in_store(store, config, read)
    if as_json:
        typer.echo(json.dumps(told, indent=1))
    else:
        for row in told["seen"]:
            whose = ", ".join(name or "unnamed" for name in row["services"])
            typer.echo(f"{row['count']:>9}  {row['name']:<28}  last {row['last'][:19]}Z  {whose}")
        for row in told["missing"]:
            typer.echo(f"{'-':>9}  {row['name']:<28}  none came; told by {row['told_by'].replace('`', '')}")
    raise typer.Exit(bool(expect and told["missing"]))


_MOST_BYTES = 2**30
"""The whole window, in practice."""

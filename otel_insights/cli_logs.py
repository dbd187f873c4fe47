"""`otel-insights logs`: the latest log records, from the store of a service that may be running."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from otel_insights.cli_in_store import Config, Json, StoreUrl, in_store

if TYPE_CHECKING:
    from otel_insights.store.engine import Database


def add_commands(app: typer.Typer) -> None:
    """Add the command to the others."""
    app.command()(logs)


def logs(
    service: Annotated[str, typer.Option(help="Only of this service.name.")] = "",
    level: Annotated[str, typer.Option(help="Only TRACE, DEBUG, INFO, WARN, ERROR or FATAL, or more severe.")] = "",
    since: Annotated[str, typer.Option(help="Only since 2026-12-31T12:00:00Z, or for so long: 15m, 2h.")] = "",
    template: Annotated[str, typer.Option(help="Only of this log template.", metavar="ID")] = "",
    text: Annotated[str, typer.Option(help="Only with this in the body.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Show the latest log records, the last one last: as far as the window of the processor `logs` holds them."""
    from otel_insights.log_window import Asked, latest  # noqa: PLC0415
    from otel_insights.log_window import since as time_of  # noqa: PLC0415

    def read(db: Database, now_ns: int) -> list[dict[str, Any]]:
        asked = Asked(service, level, time_of(since, now_ns), template, text)
        found: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None and len(found) < limit:
            rows, cursor = latest(db, asked, limit - len(found), cursor)
            found += rows
        return found

    found = in_store(store, config, read)[::-1]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for row in found:
        typer.echo(f"{row['time'][:23]}Z  {row['severity']:5}  {row['service'] or 'unnamed'}: {row['body']}")

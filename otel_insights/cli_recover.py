"""The command `recover`: what applications could not send, from their disk to an endpoint."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from otel_insights.cli_in_store import Json, say


def add_commands(app: typer.Typer) -> None:
    """Add the command to the others."""
    app.command()(recover)


def recover(
    folder: Annotated[
        Path | None,
        typer.Argument(help="A spool, or a folder with spools below it; without it, this user's.", metavar="[DIR]"),
    ] = None,
    endpoint: Annotated[
        str,
        typer.Option(
            envvar="OTEL_EXPORTER_OTLP_ENDPOINT", help="OTLP/HTTP, without /v1/...", metavar="URL", show_envvar=False
        ),
    ] = "http://localhost:4318",
    header: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE, to add to those of OTEL_EXPORTER_OTLP_HEADERS.")
    ] = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Send what instrumented applications could not send. Exit code 1 if something is left."""
    from otel_insights import recover as recover_  # noqa: PLC0415
    from otel_insights.errors import ConfigError  # noqa: PLC0415

    try:
        headers = dict(_header(one) for one in header or ())
        recover_.check_endpoint(endpoint)
        waiting = sum(one.size() for one in recover_.spools(folder))
        with typer.progressbar(length=waiting, label="sending", show_pos=False, file=sys.stderr) as bar:
            done = recover_.recover(folder, endpoint, headers, bar.update)
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    told = {
        "records": done.records,
        "requests": done.requests,
        "refused_requests": done.refused,
        "left_bytes": done.left,
    }
    say(as_json, told, f"sent: {done.records} records in {done.requests} requests")
    if done.refused:
        typer.echo(f"dropped: {done.refused} requests that {endpoint} will never take", err=True)
    for trouble in done.trouble:
        typer.echo(trouble, err=True)
    if done.left:
        typer.echo(f"left: {done.left} bytes: {endpoint} does not take them now, or another process is at it", err=True)
    raise typer.Exit(recover_.LEFT if done.left or done.trouble else recover_.DONE)


def _header(text: str) -> tuple[str, str]:
    from otel_insights.errors import ConfigError  # noqa: PLC0415

    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ConfigError("--header", "NAME=VALUE", text)
    return name.strip(), value.strip()

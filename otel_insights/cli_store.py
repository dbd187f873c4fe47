"""The commands that look after a store: `backup`, `db check`, `db migrate`, `db vacuum`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from otel_insights.cli_in_store import Json, StoreUrl, say, url_of

# Commands import what they need inside, as in cli.py.

T = TypeVar("T")

db_app = typer.Typer(help="Look after the store in which insights are kept.", no_args_is_help=True)


def add_commands(app: typer.Typer) -> None:
    """Add the commands to the others."""
    app.command()(backup)
    app.add_typer(db_app, name="db")


def backup(
    out: Annotated[Path | None, typer.Argument(help="A new file; without it, insights-<time>.db here.")] = None,
    store: StoreUrl = "",
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Copy the store, as it is at one moment, while a service may be using it; and check the copy."""
    from datetime import datetime, timezone  # noqa: PLC0415

    from otel_insights.store import upkeep  # noqa: PLC0415

    target = out or Path(f"insights-{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}.db")
    size = _done(lambda: upkeep.backup(url_of(store), target))
    sentence = f"{target}: {size} bytes, checked. To go back to it, stop the service and put it in the store's place"
    say(as_json, {"path": str(target), "bytes": size}, sentence)


@db_app.command("check")
def db_check(store: StoreUrl = "", as_json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Read the whole store: is it sound, of this version, how large is it, and what is in it?"""
    from otel_insights.store import upkeep  # noqa: PLC0415

    found = _done(lambda: upkeep.check(url_of(store)))
    if as_json:
        row = {
            "store": found.store,
            "sound": found.is_sound,
            "integrity": list(found.integrity),
            "dangling": found.dangling,
            "pending_migrations": list(found.pending),
            "unknown_migrations": list(found.unknown),
            "bytes": found.bytes,
            "free_bytes": found.free_bytes,
            "rows": found.rows,
        }
        typer.echo(json.dumps(row, indent=1))
        raise typer.Exit(not found.is_sound)
    typer.echo(f"{found.store}: {found.bytes} bytes, {found.free_bytes} of them free")
    for name, count in found.rows.items():
        typer.echo(f"{count:>12}  {name}")
    for one in found.integrity:
        typer.echo(f"not whole: {one} (stop the service, then `sqlite3 FILE .recover`, or go back to a backup)")
    if found.dangling:
        typer.echo(f"{found.dangling} rows point at others that are not there")
    for one in found.pending:
        typer.echo(f"to come: {one} (`otel-insights db migrate`, or start the service)")
    for one in found.unknown:
        typer.echo(f"of a newer version: {one} (install that version again)")
    typer.echo("sound" if found.is_sound else "not sound")
    raise typer.Exit(not found.is_sound)


@db_app.command("migrate")
def db_migrate(store: StoreUrl = "", as_json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Bring the schema to this version, as `run` does when it starts."""
    from otel_insights.store import upkeep  # noqa: PLC0415

    done = list(_done(lambda: upkeep.bring_up(url_of(store))))
    say(as_json, {"migrations": done}, "\n".join(done) or "nothing to do")


@db_app.command("vacuum")
def db_vacuum(store: StoreUrl = "", as_json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Give the room of what was dropped back to the file system."""
    from otel_insights.store import upkeep  # noqa: PLC0415

    given = _done(lambda: upkeep.vacuum(url_of(store)))
    say(as_json, {"bytes": given}, f"{given} bytes given back")


def _done(work: Callable[[], T]) -> T:
    """Do it; exit code 1 for what the file system refuses, 2 for a store that there is not."""
    from otel_insights.errors import ConfigError  # noqa: PLC0415

    try:
        return work()
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except OSError as error:
        typer.echo(f"{error.filename}: {error.strerror}", err=True)
        raise typer.Exit(1) from None

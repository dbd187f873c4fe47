"""What commands share that look into the store of a service that may be running, and correct it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

# Imports stand inside, as in cli.py.

if TYPE_CHECKING:
    from otel_insights.store.engine import Database

T = TypeVar("T")

StoreUrl = Annotated[
    str,
    typer.Option(
        "--store", help="sqlite:///FILE. Without it, where the configuration says.", metavar="URL", show_default=False
    ),
]
Config = Annotated[Path | None, typer.Option("--config", "-c", help="Configuration file.", metavar="F")]
Json = Annotated[bool, typer.Option("--json", help="For a program to read.")]


def in_store(store: str, config: Path | None, work: Callable[[Database, int], T]) -> T:
    """Run work in one transaction; exit code 1 for a wrong correction, 2 for a store that cannot be used."""
    from otel_insights.errors import ConfigError, Refused  # noqa: PLC0415
    from otel_insights.store.access import transact  # noqa: PLC0415
    from otel_insights.store.corrections import WrongCorrection  # noqa: PLC0415

    try:
        return transact(url_of(store, config), work)
    except WrongCorrection as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except (ConfigError, Refused) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


def read_store(store: str, query: Callable[[Database], T]) -> T:
    """Read, all of one moment, beside a service that may be writing. Exit code 2 where there is no such store."""
    from otel_insights.errors import ConfigError  # noqa: PLC0415
    from otel_insights.store.reading import reading  # noqa: PLC0415

    try:
        with reading(url_of(store)) as db:
            return query(db)
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


def url_of(store: str, config: Path | None = None) -> str:
    """Give the store that was named, else the configuration's, else the default one. Exit code 2 for a wrong file."""
    from otel_insights.config.sections import default_store_url  # noqa: PLC0415

    if store or config is None:
        return store or default_store_url()
    from otel_insights.components import available  # noqa: PLC0415
    from otel_insights.config import InvalidConfig, load  # noqa: PLC0415

    try:
        return load(config, available()).store.url
    except InvalidConfig as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


def say(as_json: bool, values: dict[str, Any], sentence: str) -> None:  # noqa: FBT001 - a flag of every command
    """Tell what was done: as JSON, or in a sentence."""
    typer.echo(json.dumps(values) if as_json else sentence)

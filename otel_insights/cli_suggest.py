"""`otel-insights suggest`: what is known of an error, or of a set of packages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from otel_insights.cli_in_store import Json, StoreUrl, read_store

if TYPE_CHECKING:
    from otel_insights.lockfiles import Packages
    from otel_insights.store.engine import Database


def add_commands(app: typer.Typer) -> None:
    """Add the command to the others."""
    app.command()(suggest)


def suggest(
    error: Annotated[
        str, typer.Argument(help="What was raised, as `TypeError: text`. Without it: all that is known.", metavar="[E]")
    ] = "",
    stacktrace: Annotated[
        Path | None, typer.Option(help="A file with its stack trace, by which it is known best.", metavar="FILE")
    ] = None,
    lock: Annotated[
        str,
        typer.Option(
            help="requirements.txt, poetry.lock, uv.lock, pylock.toml; or `environment`, the one that runs this.",
            metavar="FILE",
        ),
    ] = "environment",
    store: StoreUrl = "",
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Tell what explains an error, and whether it holds for these packages; or all that is known to fail with them.

    Exit code 0 where something is known, 1 where nothing is, 2 where the file or the store cannot be read.
    """
    from otel_insights.lockfiles import UnreadableLockError, read_packages  # noqa: PLC0415

    try:
        packages = read_packages(lock)
        trace = stacktrace.read_text(encoding="utf-8", errors="replace") if stacktrace else ""
    except (UnreadableLockError, OSError) as wrong:
        typer.echo(str(wrong), err=True)
        raise typer.Exit(2) from None
    if error or trace:
        found = read_store(store, lambda db: _of_error(db, error, trace, packages))
        lines = _lines(found)
    else:
        found, lines = read_store(store, lambda db: _of_packages(db, packages))
    typer.echo(json.dumps(found, indent=1) if as_json else "\n".join(lines))
    raise typer.Exit(not found["all_suggestions"])


def _of_error(db: Database, error: str, trace: str, packages: Packages) -> dict[str, Any]:
    """Answer as POST /api/v1/suggest does, and tell what the packages meet of it."""
    from otel_insights.advice import advise  # noqa: PLC0415
    from otel_insights.analysis.fingerprint import fingerprint  # noqa: PLC0415
    from otel_insights.api.beacons import signature  # noqa: PLC0415

    last = error or next((line for line in reversed(trace.splitlines()) if line.strip()), "")
    print_ = fingerprint(*signature(last), trace)
    configuration = {f"package.{name}": version for name, version in packages.versions.items()} | packages.others
    return advise(db, print_, configuration, several=True, sentences=True)


def _lines(found: dict[str, Any]) -> list[str]:
    if not found["all_suggestions"]:
        return [found["recommendation"]]
    return [
        f"{'here' if one['applies'] else 'not here'}, {one['tier']}: {one['suggestion']} (cluster {one['cluster_id']})"
        for one in found["all_suggestions"]
    ]


def _of_packages(db: Database, packages: Packages) -> tuple[dict[str, Any], list[str]]:
    from otel_insights.known_failures import describe, known_failures  # noqa: PLC0415

    found = known_failures(db, packages)
    lines = [line for one in found for line in describe(one)] or ["Nothing is known to fail with these packages."]
    return {"packages": len(packages.versions), "all_suggestions": [one.as_json() for one in found]}, lines

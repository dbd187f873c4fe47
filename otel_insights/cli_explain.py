"""The commands about explanations: `explain`, `check`, `feedback suggestion`."""

from __future__ import annotations

import asyncio
import json
import time
from enum import Enum
from typing import Annotated, NoReturn

import typer

from otel_insights.cli_in_store import Json, StoreUrl, read_store, say, url_of

feedback_app = typer.Typer(help="Say what became of it.", no_args_is_help=True)


def add_commands(app: typer.Typer) -> None:
    """Add the commands to the others."""
    app.command()(explain)
    app.command()(check)
    app.add_typer(feedback_app, name="feedback")


def explain(
    cluster: Annotated[str, typer.Argument(help="A cluster's id, also one that was merged.", metavar="CLUSTER")],
    store: StoreUrl = "",
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Show what explains a cluster, and the table behind it; or why nothing is said."""
    from rich.console import Console  # noqa: PLC0415

    from otel_insights.explained import show, to_text  # noqa: PLC0415
    from otel_insights.explained_text import print_shown  # noqa: PLC0415

    shown = read_store(store, lambda db: show(db, cluster))
    if shown is None:
        _refuse(f"there is no cluster {cluster!r}")
    if as_json:
        typer.echo(to_text(shown))
    else:
        print_shown(shown, Console(highlight=False))


def check(
    lock: Annotated[
        str,
        typer.Option(
            help="requirements.txt, poetry.lock, uv.lock, pylock.toml; or `environment`, the one that runs this.",
            metavar="FILE",
        ),
    ],
    store: StoreUrl = "",
    service: Annotated[str, typer.Option(help="Only what was seen to fail in this service.", metavar="NAME")] = "",
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Tell whether a set of packages meets a known failing condition: exit code 0 if not, 1 if so, 2 if unreadable."""
    from otel_insights.errors import ConfigError  # noqa: PLC0415
    from otel_insights.known_failures import describe, known_failures  # noqa: PLC0415
    from otel_insights.lockfiles import UnreadableLockError, read_packages  # noqa: PLC0415
    from otel_insights.store.environments import is_service  # noqa: PLC0415
    from otel_insights.store.reading import reading  # noqa: PLC0415

    try:
        packages = read_packages(lock)
        with reading(url_of(store)) as db:
            found = known_failures(db, packages, service)
            if service and not is_service(db, service):
                typer.echo(f"warning: nothing was ever heard of a service {service!r}", err=True)
    except (ConfigError, UnreadableLockError) as error:
        _refuse(str(error))
    met = [one for one in found if not one.open]
    if as_json:
        rows = {"met": met, "open": [one for one in found if one.open]}
        said = {name: [one.as_json() for one in part] for name, part in rows.items()}
        typer.echo(json.dumps({"packages": len(packages.versions), "skipped": packages.skipped, **said}, indent=1))
    else:
        for skipped in packages.skipped:
            typer.echo(f"skipped {skipped}", err=True)
        for one in found:
            typer.echo("\n".join(describe(one)))
        typer.echo(
            f"{len(packages.versions)} packages: {len(met) or 'no'} known failing condition{'s'[: len(met) != 1]} met"
        )
    raise typer.Exit(bool(met))


class SaidOfSuggestion(str, Enum):
    """What can be said of a suggestion."""

    WRONG = "wrong"
    FIXED_IT = "fixed-it"


@feedback_app.command("suggestion")
def feedback_suggestion(
    suggestion: Annotated[str, typer.Argument(help="Its id, as `explain` shows it.", metavar="ID")],
    verdict: Annotated[SaidOfSuggestion, typer.Argument(help="What became of it.")],
    version: Annotated[
        str, typer.Option("--version", help="With fixed-it: what did.", metavar="PACKAGE==V", show_default=False)
    ] = "",
    store: StoreUrl = "",
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Say that a suggestion is wrong (it is withdrawn, and not said again), or that it fixed it."""
    from otel_insights.errors import ConfigError, Refused  # noqa: PLC0415
    from otel_insights.feedback import give  # noqa: PLC0415

    try:
        said = asyncio.run(give(url_of(store), suggestion, verdict.value, version, time.time_ns))
    except (ConfigError, Refused) as error:
        _refuse(str(error))
    say(as_json, {"suggestion_id": suggestion, "verdict": verdict.value, "text": said}, said)


def _refuse(text: str) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(2)

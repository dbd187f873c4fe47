"""`otel-insights analysis ...`: have a running service analyse now, and see what became of the last analyses."""

from __future__ import annotations

import json
from typing import Any

import typer

from otel_insights.cli_in_store import Config, Json

app = typer.Typer(help="The long work of a service that runs: clustering, explanations.", no_args_is_help=True)


@app.command()
def run(
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Have the service that runs with this configuration analyse all that has arrived; returns when that is done."""
    told = _ask("POST", config)
    typer.echo(
        json.dumps(told, indent=1) if as_json else f"All that had arrived is analysed; {told['clusters']} clusters"
    )


@app.command()
def status(
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Tell when the last analyses were, how long they took, and what failed; exit code 1 where the last one failed."""
    told = _ask("GET", config)
    if as_json:
        typer.echo(json.dumps(told, indent=1))
    else:
        typer.echo(f"every {told['interval_seconds']:g} s, where there is news{_now(told)}")
        for one in told["latest"]:
            failed = f", failed: {', '.join(one['failed'])}" if one["failed"] else ""
            slowest = max(one["processors"].items(), key=lambda each: each[1], default=("", 0.0))
            typer.echo(f"{one['began'][:19]}Z  {one['seconds']:.3f} s, most of it {slowest[0]}{failed}")
    raise typer.Exit(bool(told["latest"] and told["latest"][0]["failed"]))


def _now(told: dict[str, Any]) -> str:
    return "; one is under way" if told["under_way"] else ""


def _ask(method: str, config: Config) -> dict[str, Any]:
    from otel_insights.ask_service import NoAnswerError, ask  # noqa: PLC0415
    from otel_insights.components import available  # noqa: PLC0415
    from otel_insights.config import load  # noqa: PLC0415
    from otel_insights.errors import ConfigError  # noqa: PLC0415

    try:
        return ask(load(config, available()), method, "/api/v1/analysis")
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except NoAnswerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None

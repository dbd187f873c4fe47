"""`otel-insights environments ...` and `services`: who sends, with which configuration, and what differs."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from otel_insights.cli_in_store import Config, Json, StoreUrl, in_store

# Commands import what they need inside, as in cli.py.

environments_app = typer.Typer(help="Look at environments: who sends, with which configuration.")

Number = Annotated[int, typer.Argument(min=1, help="Its number.", metavar="ENVIRONMENT")]
Namespace = Annotated[str | None, typer.Option(help="Only of this service.namespace.")]
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")]


def add_commands(app: typer.Typer) -> None:
    """Add `environments` and `services`."""
    app.add_typer(environments_app, name="environments")
    app.command("services")(services)


@environments_app.callback(invoke_without_command=True)
def environments(context: typer.Context, store: StoreUrl = "", config: Config = None, as_json: Json = False) -> None:  # noqa: FBT002
    """Look at environments: who sends, with which configuration. Without a command: list them."""
    if context.invoked_subcommand is None:
        list_environments(store=store, config=config, as_json=as_json)
    elif store or config or as_json:
        raise typer.BadParameter("give options behind the command")


@environments_app.command("list")
def list_environments(
    namespace: Namespace = None,
    service: Annotated[str | None, typer.Option(help="Only of this service.name.")] = None,
    limit: Limit = 1000,
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List environments in the order in which they were first heard of."""
    from otel_insights.environment_listing import environment_row, line  # noqa: PLC0415
    from otel_insights.store.environments import page  # noqa: PLC0415

    found = in_store(store, config, lambda db, _: page(db, limit=limit, namespace=namespace, service=service))
    rows = [environment_row(one) for one in found]
    typer.echo(json.dumps(rows, indent=2) if as_json else "\n".join(map(line, rows)))


@environments_app.command("show")
def show(number: Number, store: StoreUrl = "", config: Config = None, as_json: Json = False) -> None:  # noqa: FBT002
    """Show an environment: its configuration, and the clusters that it fails in."""
    from otel_insights.environment_listing import lines, shown  # noqa: PLC0415

    found = in_store(store, config, lambda db, _: shown(db, number))
    typer.echo(json.dumps(found, indent=2) if as_json else "\n".join(lines(found)))


@environments_app.command("diff")
def diff(
    number: Number,
    other: Annotated[int, typer.Argument(min=1, help="The one to compare it with.", metavar="OTHER")],
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Show what differs between two environments, and where only one of them fails."""
    from otel_insights.environment_listing import compared, difference_lines  # noqa: PLC0415

    found = in_store(store, config, lambda db, _: compared(db, number, other))
    typer.echo(json.dumps(found, indent=2) if as_json else "\n".join(difference_lines(found)))


def services(
    namespace: Namespace = None,
    limit: Limit = 1000,
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List services, with how many of their environments fail."""
    from otel_insights.environment_listing import service_line, service_row  # noqa: PLC0415
    from otel_insights.store.environments import services as known  # noqa: PLC0415

    rows = [
        service_row(one) for one in in_store(store, config, lambda db, _: known(db, limit=limit, namespace=namespace))
    ]
    typer.echo(json.dumps(rows, indent=2) if as_json else "\n".join(map(service_line, rows)))

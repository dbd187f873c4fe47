"""`otel-insights anomalies ...`: look at the anomalies of metrics, and say which are none."""

from __future__ import annotations

import json
from enum import Enum
from typing import Annotated

import typer

from otel_insights.cli_in_store import Config, Json, StoreUrl, in_store, say

# Commands import what they need inside, as in cli.py.

app = typer.Typer(help="Look at the anomalies of metrics, and say which are none.")

Id = Annotated[str, typer.Argument(help="Its id.", metavar="ID")]
Service = Annotated[str | None, typer.Option(help="Only of this service.name.")]
Since = Annotated[str, typer.Option(help="Only what went on after 2026-12-31T12:00:00Z, or for so long: 15m, 2d.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")]


class Said(str, Enum):
    """What people say of an anomaly."""

    anomaly = "anomaly"
    not_anomaly = "not-anomaly"


@app.callback(invoke_without_command=True)
def anomalies(context: typer.Context, store: StoreUrl = "", config: Config = None, as_json: Json = False) -> None:  # noqa: FBT002
    """Look at the anomalies of metrics, and say which are none. Without a command: list them."""
    if context.invoked_subcommand is None:
        list_anomalies(store=store, config=config, as_json=as_json)
    elif store or config or as_json:
        raise typer.BadParameter("give options behind the command")


@app.command("list")
def list_anomalies(
    service: Service = None,
    metric: Annotated[str | None, typer.Option(help="Only of this metric.")] = None,
    since: Since = "",
    only_open: Annotated[bool, typer.Option("--open", help="Only those that go on.")] = False,  # noqa: FBT002
    limit: Limit = 100,
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List anomalies, the latest first."""
    from otel_insights import log_window  # noqa: PLC0415
    from otel_insights.anomaly_listing import line, listed  # noqa: PLC0415

    found = in_store(
        store,
        config,
        lambda db, now: listed(db, service, metric, log_window.since(since, now), only_open=only_open, limit=limit),
    )
    typer.echo(json.dumps(found, indent=2) if as_json else "\n".join(map(line, found)))


@app.command("show")
def show(id_: Id, store: StoreUrl = "", config: Config = None, as_json: Json = False) -> None:  # noqa: FBT002
    """Show an anomaly: what was observed and expected, of which series, for how long."""
    from otel_insights.anomaly_listing import lines, shown  # noqa: PLC0415

    found = in_store(store, config, lambda db, _: shown(db, id_))
    typer.echo(json.dumps(found, indent=2) if as_json else "\n".join(lines(found)))


@app.command("incidents")
def incidents(
    service: Service = None,
    namespace: Annotated[str | None, typer.Option(help="Only of this service.namespace.")] = None,
    since: Since = "",
    limit: Limit = 20,
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Show anomalies that began together, with the versions and exceptions that came up about then."""
    from otel_insights import incident_portrait, log_window  # noqa: PLC0415

    found = in_store(
        store,
        config,
        lambda db, now: incident_portrait.latest(
            db, limit=limit, namespace=namespace, service=service, since_ns=log_window.since(since, now)
        ),
    )
    typer.echo(
        json.dumps(found, indent=2) if as_json else "\n".join(f"{one['start'][:10]}  {one['text']}" for one in found)
    )


@app.command("feedback")
def feedback(
    id_: Id,
    verdict: Annotated[Said, typer.Argument(help="What it is.")],
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Say that it is no anomaly: the threshold of its series rises, and stays so. Or that it is one: that is undone."""
    from otel_insights.anomaly_listing import judge  # noqa: PLC0415

    said = verdict.name
    text = in_store(store, config, lambda db, _: judge(db, id_, said))  # type: ignore[arg-type] # the names of Said
    say(as_json, {"id": id_, "verdict": said}, text)

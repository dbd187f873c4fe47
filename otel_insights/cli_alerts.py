"""`otel-insights alerts ...`: what became of what webhooks were to tell, and sending it again."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from otel_insights.cli_in_store import Json, StoreUrl, in_store, read_store, say

# Commands import what they need inside, as in cli.py.

app = typer.Typer(help="What webhooks told, and what they could not.", no_args_is_help=True)


@app.command("list")
def list_alerts(
    state: Annotated[str, typer.Option(help="Only waiting, delivered, failed, silenced.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    store: StoreUrl = "",
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """List alerts, the newest first."""
    from otel_insights.report import rfc3339  # noqa: PLC0415
    from otel_insights.store import deliveries  # noqa: PLC0415

    if state and state not in deliveries.STATES:
        typer.echo(f"--state: expected one of {', '.join(deliveries.STATES)}, got {state!r}", err=True)
        raise typer.Exit(2)
    found = read_store(store, lambda db: deliveries.listed(db, state, limit))
    rows = [
        {
            "id": one.id,
            "exporter": one.exporter,
            "event": one.event,
            "cluster_id": one.cluster_id or None,
            "state": one.state,
            "attempts": one.attempts,
            "time": rfc3339(one.arrived_ns),
            "settled": rfc3339(one.settled_ns) if one.settled_ns is not None else None,
            "trouble": one.trouble,
        }
        for one in found
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        what = f"{row['event']} {row['cluster_id'] or ''}  {row['trouble']}".rstrip()
        typer.echo(f"{row['id']}  {row['time']}  {row['state']:<9}  {row['exporter']}  {what}")


@app.command()
def resend(
    ids: Annotated[list[int] | None, typer.Argument(help="As `list` shows them.", metavar="[ID]...")] = None,
    store: StoreUrl = "",
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Send alerts again: those named, or all that have failed."""
    from otel_insights.store import deliveries  # noqa: PLC0415

    count = in_store(store, None, lambda db, now_ns: deliveries.send_again(db, ids or (), now_ns))
    say(as_json, {"to_send_again": count}, f"{count} to be sent again")
    raise typer.Exit(count < len(ids or ()))

"""`otel-insights templates ...`: look at the templates of log lines, and correct them."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from otel_insights.cli_in_store import Config, Json, StoreUrl, in_store, say
from otel_insights.cli_summariser import Write, have_written

# Commands import what they need inside, as in cli.py.

app = typer.Typer(help="Look at the templates of log lines, and correct them: what you say lasts.")
pattern_app = typer.Typer(help="Say what is one kind of line, from now on.", no_args_is_help=True)
app.add_typer(pattern_app, name="pattern")

Id = Annotated[str, typer.Argument(help="Its id, or one that has gone into it.", metavar="ID")]
Service = Annotated[str | None, typer.Option(help="Only of this service.name.")]
Namespace = Annotated[str | None, typer.Option(help="Only of this service.namespace.")]
Text = Annotated[str, typer.Option(help="Only with this in its text or name.")]


@app.callback(invoke_without_command=True)
def templates(context: typer.Context, store: StoreUrl = "", config: Config = None, as_json: Json = False) -> None:  # noqa: FBT002
    """Look at the templates of log lines, and correct them: what you say lasts. Without a command: list them."""
    if context.invoked_subcommand is None:
        list_templates(store=store, config=config, as_json=as_json)
    elif store or config or as_json:
        raise typer.BadParameter("give options behind the command")


@app.command("list")
def list_templates(
    service: Service = None,
    namespace: Namespace = None,
    severity: Annotated[str, typer.Option(help="Only logged with TRACE, DEBUG, INFO, WARN, ERROR or FATAL.")] = "",
    text: Text = "",
    state: Annotated[str, typer.Option(help="Only new, ongoing, surging or vanished.")] = "",
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List templates, the most frequent first."""
    from otel_insights.log_listing import line, listed  # noqa: PLC0415
    from otel_insights.store.log_views import Wanted  # noqa: PLC0415

    found = in_store(store, config, lambda db, _: listed(db, Wanted(namespace, service, severity, text), state))
    typer.echo(json.dumps(found, indent=2) if as_json else "\n".join(map(line, found)))


@app.command("show")
def show(id_: Id, store: StoreUrl = "", config: Config = None, as_json: Json = False) -> None:  # noqa: FBT002
    """Show a template: its counts by severity and hour, first lines, and the clusters that rose with it."""
    from otel_insights.log_listing import lines, shown  # noqa: PLC0415

    found = in_store(store, config, lambda db, _: shown(db, id_))
    typer.echo(json.dumps(found, indent=2) if as_json else "\n".join(lines(found)))


@app.command("summary")
def summary(
    id_: Annotated[
        str, typer.Argument(help="Of one kind, whole; without it, of the most frequent.", metavar="ID")
    ] = "",
    service: Service = None,
    namespace: Namespace = None,
    severity: Annotated[str, typer.Option(help="Of lines logged so; an empty one: of all.")] = "ERROR",
    text: Text = "",
    write: Write = False,  # noqa: FBT002
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Say in a few sentences what services log alike: the most frequent errors across all of them."""
    from otel_insights import summary_listing  # noqa: PLC0415
    from otel_insights.store.log_views import Wanted  # noqa: PLC0415
    from otel_insights.summary_requests import Subject  # noqa: PLC0415

    if write and not id_:
        raise typer.BadParameter("--write needs the ID of what is to be summarised")
    if id_:
        if write:
            have_written(store, config, "log-cluster", id_)
        subject = Subject("log-cluster", id_)
        one = in_store(store, config, lambda db, _: summary_listing.whole(db, subject))
        typer.echo(json.dumps(one, indent=2) if as_json else "\n".join(summary_listing.lines(one)))
        return
    found = in_store(store, config, lambda db, _: summary_listing.alike(db, Wanted(namespace, service, severity, text)))
    typer.echo(json.dumps(found, indent=2) if as_json else "\n".join(map(summary_listing.line, found)))


@app.command("rename")
def rename(
    id_: Id,
    name: Annotated[str, typer.Argument(help="One line; an empty one takes the name back.", metavar="NAME")],
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Give a template a name, under which it is shown."""
    from otel_insights.store import log_corrections  # noqa: PLC0415

    found = in_store(store, config, lambda db, _: log_corrections.rename(db, id_, name))
    say(as_json, {"id": found, "name": name}, f"{found}: {name}")


@app.command("merge")
def merge(
    id_: Id,
    other: Annotated[str, typer.Argument(help="The one that goes into it.", metavar="OTHER")],
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Let OTHER go into ID: their lines are of one kind, those to come too."""
    from otel_insights.store import log_corrections  # noqa: PLC0415

    into, old = in_store(store, config, lambda db, _: log_corrections.merge(db, id_, other))
    say(as_json, {"id": into, "merged": old}, f"{old} is now part of {into}; its id leads there")


@app.command("split")
def split(
    id_: Id,
    pattern: Annotated[str, typer.Argument(help="Glob of the whole line: * for anything.", metavar="PATTERN")],
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Let lines of a template's service that match be a template of their own, from now on."""
    from otel_insights.store import log_corrections  # noqa: PLC0415

    number = in_store(store, config, lambda db, now: log_corrections.split(db, id_, pattern, now))
    say(as_json, {"pattern": number}, f"pattern {number}: lines to come that match have a template of their own")


@pattern_app.command("add")
def pattern_add(
    pattern: Annotated[str, typer.Argument(help="Glob of the whole line: * for anything.", metavar="PATTERN")],
    service: Annotated[str, typer.Option(help="Of this service.name; without it, of all services.")] = "",
    namespace: Annotated[str, typer.Option(help="The service's service.namespace.")] = "",
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Let lines that match be of one template, from now on."""
    from otel_insights.store import log_corrections  # noqa: PLC0415

    number = in_store(store, config, lambda db, now: log_corrections.add_pattern(db, pattern, namespace, service, now))
    say(as_json, {"pattern": number}, f"pattern {number}: heeded from the next analysis on")


@pattern_app.command("list")
def pattern_list(store: StoreUrl = "", config: Config = None, as_json: Json = False) -> None:  # noqa: FBT002
    """List patterns in their order: of those that match, the first decides."""
    from otel_insights.store import log_corrections  # noqa: PLC0415

    found = [
        {"pattern": one.id, "namespace": one.namespace, "service": one.service, "glob": one.pattern.glob}
        for one in in_store(store, config, lambda db, _: log_corrections.patterns(db))
    ]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for each in found:
        typer.echo(f"{each['pattern']:>4}  {each['service'] or 'all services'}  {each['glob']}")


@pattern_app.command("remove")
def pattern_remove(
    number: Annotated[int, typer.Argument(help="The pattern's number.", metavar="NUMBER")],
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Take a pattern back; lines that it matched are mined again like any other."""
    from otel_insights.store import log_corrections  # noqa: PLC0415

    in_store(store, config, lambda db, _: log_corrections.remove_pattern(db, number))
    say(as_json, {"removed": number}, f"pattern {number} is gone")

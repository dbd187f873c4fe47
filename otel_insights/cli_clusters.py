"""`otel-insights clusters ...`: look at clusters, and correct them, in the store of a service that may be running."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from otel_insights.cli_in_store import Config, Json, StoreUrl, in_store, say
from otel_insights.cli_summariser import Write, have_written

# Commands import what they need inside, as in cli.py.

if TYPE_CHECKING:
    from otel_insights.store.engine import Database

app = typer.Typer(help="Look at clusters, and correct them: what you say lasts.")
rule_app = typer.Typer(help="Send what a pattern matches to a cluster, from now on.", no_args_is_help=True)
not_in_app = typer.Typer(help="Modules that are not the application's own.", no_args_is_help=True)
app.add_typer(rule_app, name="rule")
app.add_typer(not_in_app, name="not-in-app")

Id = Annotated[str, typer.Argument(help="Its id, or one that was merged into it.", metavar="ID")]


@app.callback(invoke_without_command=True)
def clusters(context: typer.Context, store: StoreUrl = "", config: Config = None, as_json: Json = False) -> None:  # noqa: FBT002
    """Look at clusters, and correct them: what you say lasts. Without a command: list them."""
    if context.invoked_subcommand is None:
        list_clusters(store=store, config=config, as_json=as_json)
    elif store or config or as_json:
        raise typer.BadParameter("give options behind the command")


@app.command("list")
def list_clusters(
    namespace: Annotated[str | None, typer.Option(help="Only of this service.namespace.")] = None,
    state: Annotated[str, typer.Option(help="Only new, ongoing, escalating, regressed, resolved, archived.")] = "",
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List clusters, the one that was seen last first."""
    from otel_insights.listing import line, listed  # noqa: PLC0415

    found = in_store(store, config, lambda db, _: listed(db, namespace, state))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for one in found:
        typer.echo(line(one))


@app.command("show")
def show(id_: Id, store: StoreUrl = "", config: Config = None, as_json: Json = False) -> None:  # noqa: FBT002
    """Show a cluster: its life, versions, examples, and what is possibly the same."""
    from otel_insights.listing import lines, shown  # noqa: PLC0415

    found = in_store(store, config, lambda db, _: shown(db, id_))
    typer.echo(json.dumps(found, indent=2) if as_json else "\n".join(lines(found)))


@app.command("summary")
def summary(
    id_: Id,
    write: Write = False,  # noqa: FBT002
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Say in a few sentences what a cluster is, with what explains it."""
    from otel_insights import summary_listing  # noqa: PLC0415
    from otel_insights.summary_requests import Subject  # noqa: PLC0415

    if write:
        have_written(store, config, "cluster", id_)
    one = in_store(store, config, lambda db, _: summary_listing.whole(db, Subject("cluster", id_)))
    typer.echo(json.dumps(one, indent=2) if as_json else "\n".join(summary_listing.lines(one)))


@app.command("merge")
def merge(
    id_: Id,
    other: Annotated[str, typer.Argument(help="The one that goes into it.", metavar="OTHER")],
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Let OTHER go into ID: they are one failure, and stay one."""
    from otel_insights import curation  # noqa: PLC0415

    found = in_store(store, config, lambda db, now: curation.merge(db, id_, other, now))
    say(as_json, {"id": found, "merged": other}, f"{other} is now part of {found}; its id leads there")


@app.command("split")
def split(
    id_: Id,
    fingerprints: Annotated[list[str], typer.Argument(help="What goes out of it.", metavar="FINGERPRINT...")],
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Take fingerprints out of a cluster, into one of their own: they are another failure, and stay one."""
    from otel_insights import curation  # noqa: PLC0415

    found = in_store(store, config, lambda db, now: curation.split(db, id_, fingerprints, now))
    say(as_json, {"id": found, "split_from": id_}, f"{', '.join(fingerprints)}: now the cluster {found}")


@app.command("rename")
def rename(
    id_: Id,
    title: Annotated[str, typer.Argument(help="One line.", metavar="TITLE")],
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Give a cluster a title."""
    from otel_insights.store import corrections  # noqa: PLC0415

    found = in_store(store, config, lambda db, now: corrections.rename(db, id_, title, now))
    say(as_json, {"id": found, "title": title}, f"{found}: {title}")


@app.command("resolve")
def resolve(id_: Id, store: StoreUrl = "", config: Config = None, as_json: Json = False) -> None:  # noqa: FBT002
    """Call a cluster's cause mended. If it is seen again, it is `regressed`, and that is told."""
    from otel_insights import curation  # noqa: PLC0415

    found = in_store(store, config, lambda db, now: curation.resolve(db, id_, now))
    say(as_json, {"id": found, "state": "resolved"}, f"{found} is resolved")


@app.command("archive")
def archive(
    id_: Id,
    until: Annotated[str, typer.Option(help="2026-12-31, 2026-12-31T12:00:00Z, or from now: 7d, 12h.", metavar="TIME")],
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Let a cluster rest until a time: it is counted, but neither spikes nor regresses."""
    from otel_insights.listing import time_of  # noqa: PLC0415
    from otel_insights.report import rfc3339  # noqa: PLC0415
    from otel_insights.store import corrections  # noqa: PLC0415

    def work(db: Database, now: int) -> tuple[str, str]:
        until_ns = time_of(until, now)
        return corrections.archive(db, id_, until_ns, now), rfc3339(until_ns)

    found, time = in_store(store, config, work)
    say(as_json, {"id": found, "state": "archived", "until": time}, f"{found} is archived until {time}")


@rule_app.command("add")
def rule_add(
    id_: Id,
    type_: Annotated[str, typer.Option("--type", help="Glob of the exception's type.", metavar="GLOB")] = "",
    message: Annotated[str, typer.Option(help="Glob of the whole message: * ? [abc].", metavar="GLOB")] = "",
    frame: Annotated[str, typer.Option(help="Glob of a frame's module.function or file.", metavar="GLOB")] = "",
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Send what matches to a cluster, now and from now on. Of several patterns, all must match."""
    from otel_insights.analysis.rules import Rule  # noqa: PLC0415
    from otel_insights.store import rules  # noqa: PLC0415

    number, moved = in_store(store, config, lambda db, now: rules.add(db, id_, Rule(type_, message, frame), now))
    say(as_json, {"rule": number, "moved": moved}, f"rule {number}: {moved} known fingerprints moved")


@rule_app.command("list")
def rule_list(store: StoreUrl = "", config: Config = None, as_json: Json = False) -> None:  # noqa: FBT002
    """List rules in their order: of those that match, the first decides."""
    from otel_insights.store import rules  # noqa: PLC0415

    found = [
        {"rule": one.id, "namespace": one.namespace, "cluster_id": one.cluster_id}
        | {"type": one.rule.exception_type, "message": one.rule.message, "frame": one.rule.frame}
        for one in in_store(store, config, lambda db, _: rules.in_force(db))
    ]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for each in found:
        patterns = "  ".join(f"{key}={each[key]}" for key in ("type", "message", "frame") if each[key])
        typer.echo(f"{each['rule']:>4}  -> {each['cluster_id']}  {patterns}")


@rule_app.command("remove")
def rule_remove(
    number: Annotated[int, typer.Argument(help="The rule's number.", metavar="RULE")],
    store: StoreUrl = "",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Take a rule back; what it had placed is clustered again like everything else."""
    from otel_insights.store import rules  # noqa: PLC0415

    in_store(store, config, lambda db, _: rules.remove(db, number))
    say(as_json, {"removed": number}, f"rule {number} is gone")


Module = Annotated[str, typer.Argument(help="A module, with all that lies in it: shop.retry", metavar="MODULE")]


@not_in_app.command("add")
def not_in_app_add(module: Module, store: StoreUrl = "", config: Config = None, as_json: Json = False) -> None:  # noqa: FBT002
    """Let a module's frames no longer decide which failure it is; clusters keep their ids."""
    from otel_insights.store import rules  # noqa: PLC0415

    in_store(store, config, lambda db, now: rules.add_library_module(db, module, now))
    say(as_json, {"added": module}, f"{module} is not in-app from the next analysis on")


@not_in_app.command("list")
def not_in_app_list(store: StoreUrl = "", config: Config = None, as_json: Json = False) -> None:  # noqa: FBT002
    """List the modules that people have called not in-app."""
    from otel_insights.store import rules  # noqa: PLC0415

    found = in_store(store, config, lambda db, _: rules.library_modules(db))
    typer.echo(json.dumps(found) if as_json else "\n".join(found))


@not_in_app.command("remove")
def not_in_app_remove(module: Module, store: StoreUrl = "", config: Config = None, as_json: Json = False) -> None:  # noqa: FBT002
    """Take that back."""
    from otel_insights.store import rules  # noqa: PLC0415

    in_store(store, config, lambda db, _: rules.remove_library_module(db, module))
    say(as_json, {"removed": module}, f"{module} is taken for what it looks like")

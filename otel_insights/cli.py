"""The command line: each command reads its arguments here and does its work in a module of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from otel_insights.cli_alerts import app as alerts_app
from otel_insights.cli_analysis import app as analysis_app
from otel_insights.cli_anomalies import app as anomalies_app
from otel_insights.cli_clusters import app as clusters_app
from otel_insights.cli_environments import add_commands as add_environments
from otel_insights.cli_events import add_commands as add_events
from otel_insights.cli_explain import add_commands as add_explain
from otel_insights.cli_export import add_commands as add_export
from otel_insights.cli_in_store import Json, say
from otel_insights.cli_logs import add_commands as add_logs
from otel_insights.cli_recover import add_commands as add_recover
from otel_insights.cli_runs import app as runs_app
from otel_insights.cli_store import add_commands as add_store
from otel_insights.cli_suggest import add_commands as add_suggest
from otel_insights.cli_templates import app as templates_app

# Commands import what they need inside: `--help` and completion are quick that way.

app = typer.Typer(
    name="otel-insights",
    help="Beside an OpenTelemetry Collector: groups exceptions and explains them by the configuration that fails.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
config_app = typer.Typer(help="Look at a configuration without running it.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.add_typer(clusters_app, name="clusters")
app.add_typer(templates_app, name="templates")
app.add_typer(alerts_app, name="alerts")
app.add_typer(analysis_app, name="analysis")
app.add_typer(anomalies_app, name="anomalies")
app.add_typer(runs_app, name="runs")

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="Configuration file. Without one, the defaults hold.", metavar="F")
]


@app.command()
def run(config: ConfigOption = None) -> None:
    """Receive telemetry, learn from it, and pass it on, until SIGTERM or Ctrl-C. SIGHUP reads the file again."""
    from otel_insights.components import available  # noqa: PLC0415
    from otel_insights.run import run as run_service  # noqa: PLC0415

    raise typer.Exit(_loop_runner()(run_service(config, available(), typer.echo)))


def _loop_runner() -> Callable[[Coroutine[Any, Any, int]], int]:
    """Take the quicker event loop where there is one (not on Windows)."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return asyncio.run
    return uvloop.run


@app.command()
def analyze(
    inputs: Annotated[list[Path], typer.Argument(help="OTLP files: .jsonl, .binpb, also .gz.", metavar="IN...")],
    out: Annotated[Path | None, typer.Option(help="Where to write the telemetry, stamped.", metavar="FILE")] = None,
    report: Annotated[Path | None, typer.Option(help="Where to write the report (JSON).", metavar="FILE")] = None,
    store: Annotated[str, typer.Option(help="Carries what was learnt from one call to the next.")] = "sqlite://",
    signal: Annotated[str | None, typer.Option(help="traces, logs or metrics, for .binpb that do not say.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="End at the first malformed line.")] = False,  # noqa: FBT002
) -> None:
    """Analyse files of telemetry: group exceptions, explain them, stamp every record. The batch twin of `run`."""
    from otel_insights.analyze import Task, analyze  # noqa: PLC0415
    from otel_insights.components import available  # noqa: PLC0415
    from otel_insights.errors import ConfigError  # noqa: PLC0415
    from otel_insights.payload import Signal  # noqa: PLC0415

    try:
        kind = Signal(signal) if signal else None
        code = asyncio.run(analyze(Task(inputs, out, report, store, kind, strict), available()))
    except (ConfigError, ValueError) as error:
        typer.echo(str(error), err=True)
        code = 2
    raise typer.Exit(code)


@app.command()
def demo(
    incompatibility: Annotated[str, typer.Option(help="Which one of those that ship with the package.")] = "",
    keep: Annotated[bool, typer.Option("--keep", help="Keep the store, and what was sent.")] = False,  # noqa: FBT002
    no_color: Annotated[bool, typer.Option("--no-color", help="Print plainly.")] = False,  # noqa: FBT002
) -> None:
    """Show the main job on telemetry of environments that really ran: no Collector, no network, a few seconds."""
    from rich.console import Console  # noqa: PLC0415

    from otel_insights.components import available  # noqa: PLC0415
    from otel_insights.demo import DEFAULT, demo  # noqa: PLC0415
    from otel_insights.errors import ConfigError  # noqa: PLC0415

    console = Console(no_color=no_color or None)
    try:
        code = asyncio.run(demo(incompatibility or DEFAULT, available(), console, keep=keep))
    except ConfigError as error:
        typer.echo(str(error), err=True)
        code = 2
    raise typer.Exit(code)


@config_app.command("check")
def config_check(
    file: Annotated[Path, typer.Argument(help="Configuration file.", metavar="F")],
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Tell whether a configuration file is right: OK, or everything that is wrong with it and exit code 2."""
    from otel_insights.components import available  # noqa: PLC0415
    from otel_insights.config import InvalidConfig, load  # noqa: PLC0415

    try:
        warnings = load(file, available()).warnings
    except InvalidConfig as error:
        errors = [{"path": one.path, "expected": one.expected} for one in error.errors]
        if as_json:
            typer.echo(json.dumps({"ok": False, "errors": errors, "warnings": []}))
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)
    say(as_json, {"ok": True, "errors": [], "warnings": list(warnings)}, "OK")


@config_app.command("show")
def config_show(
    file: Annotated[
        Path | None, typer.Argument(help="Configuration file. Without one, the defaults.", metavar="[F]")
    ] = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Print the settings that hold, defaults and all, with secrets masked."""
    from otel_insights.components import available  # noqa: PLC0415
    from otel_insights.config import InvalidConfig, load  # noqa: PLC0415

    try:
        import yaml  # noqa: PLC0415

        text = load(file, available()).as_yaml()
        typer.echo(json.dumps(yaml.safe_load(text), indent=1) if as_json else text, nl=as_json)
    except InvalidConfig as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


@app.command()
def doctor(
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a program to read.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Look at ports, store, next hop, what arrives, and the clock; exit code 1 where something does not work."""
    from otel_insights import doctor as doctor_  # noqa: PLC0415
    from otel_insights.components import available  # noqa: PLC0415

    checks = doctor_.diagnose(config, available())
    if as_json:
        typer.echo(doctor_.as_json(checks))
    for check in [] if as_json else checks:
        colour = {"ok": "green", "warn": "yellow", "fail": "red"}[check.state]
        typer.echo(f"{typer.style(f'{check.state:4}', fg=colour)}  {check.name}: {check.found}")
        if check.advice:
            typer.echo(f"      {check.advice}")
    raise typer.Exit(any(check.state == "fail" for check in checks))


add_environments(app)
add_export(app)
add_explain(app)
add_suggest(app)
add_logs(app)
add_events(app)
add_store(app)
add_recover(app)

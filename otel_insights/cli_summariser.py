"""What commands share that ask the configured language model for a summary, and wait for it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otel_insights.cli_in_store import url_of

# Imports stand inside, as in cli.py.

if TYPE_CHECKING:
    from otel_insights.config.sections import SummariserSection
    from otel_insights.summary_requests import Kind, Subject


Write = Annotated[
    bool, typer.Option("--write", help="Have it written by the language model that the configuration names.")
]


def have_written(store: str, config: Path | None, kind: Kind, id_: str) -> None:
    """Have a summary written, unless there is one of what is known; exit code 1 or 2 where there is none.

    Of the configuration only `summariser` and the store matter, so that a service may run with it meanwhile.
    """
    from otel_insights.chat import NoReply  # noqa: PLC0415
    from otel_insights.errors import ConfigError, Refused  # noqa: PLC0415
    from otel_insights.store.corrections import WrongCorrection  # noqa: PLC0415
    from otel_insights.summary_requests import Subject  # noqa: PLC0415

    section = _section(config)
    try:
        asyncio.run(_write(url_of(store, config), section, Subject(kind, id_)))
    except (NoReply, WrongCorrection) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except (ConfigError, Refused) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


def _section(config: Path | None) -> SummariserSection:
    from otel_insights.components import available  # noqa: PLC0415
    from otel_insights.config import InvalidConfig, load  # noqa: PLC0415

    try:
        section = load(config, available()).summariser
    except InvalidConfig as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    if section is None:
        typer.echo("summariser: expected endpoint and model in the file of --config, got none", err=True)
        raise typer.Exit(2)
    return section


async def _write(url: str, section: SummariserSection, subject: Subject) -> None:
    from otel_insights.selfmetrics import SelfMetrics  # noqa: PLC0415
    from otel_insights.store.access import opened  # noqa: PLC0415
    from otel_insights.summariser import Summariser  # noqa: PLC0415

    async with opened(url) as store:
        await Summariser(section, lambda: store, time.time_ns, SelfMetrics()).write(subject)

"""`otel-insights run`: the service and its API on one event loop, until a signal ends them."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from otel_insights.allocator import collect_seldom, keep_large_blocks
from otel_insights.component import Component, ComponentId, Kind
from otel_insights.components import Registry
from otel_insights.config import Config, InvalidConfig, load
from otel_insights.embedded_http import EmbeddedHttp
from otel_insights.endpoint import host_and_port
from otel_insights.errors import InsightsError
from otel_insights.service import Service

_log = logging.getLogger("otel_insights")
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


@dataclass(slots=True)
class Running:
    """What one configuration has started."""

    service: Service
    api_url: str | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @classmethod
    async def start(cls, config: Config, registry: Registry) -> Running:
        """Start the service, then the API. Raises ConfigError or OSError; then nothing is left running."""
        running = cls(Service(config, registry))
        try:
            await running.service.start()
            running._stack.push_async_callback(running.service.stop)
            await running._start_api()
        except BaseException:
            await running.stop()
            raise
        return running

    async def _start_api(self) -> None:
        if self.service.config.api is None:
            return
        from otel_insights.api import create_app  # noqa: PLC0415 - FastAPI is loaded only where there is an API

        section = self.service.config.api
        host, port = host_and_port(section.endpoint)
        tls = section.tls.load("api.tls").context if section.tls else None
        api = EmbeddedHttp(create_app(self.service), host, port, tls)
        try:
            await api.start()
        except OSError as error:
            raise OSError(error.errno, f"api.endpoint: {error.strerror or error}") from error
        scheme = "https" if tls else "http"
        self.api_url = f"{scheme}://[{host}]:{api.port}" if ":" in host else f"{scheme}://{host}:{api.port}"
        self._stack.push_async_callback(api.stop)

    async def stop(self) -> None:
        """Stop the API, then the service."""
        await self._stack.aclose()

    def summary(self) -> str:
        """Tell a person where telemetry comes in, where it goes, and where to look."""
        lines = [f"receives  {self._where(Kind.RECEIVER, self.service.receivers)}"]
        lines.append(f"sends     {self._where(Kind.EXPORTER, self.service.exporters) or _NOWHERE}")
        lines.append(f"keeps     {self.service.config.store_shown()}")
        lines.append(f"shows     {self.api_url or 'nothing (the API is off)'}")
        return "\n".join(["otel-insights is ready", *(f"  {line}" for line in lines)])

    def _where(self, kind: Kind, components: Mapping[ComponentId, Component]) -> str:
        """List components, with their addresses or files where they have any."""
        parts = []
        for id_, component in components.items():
            settings = self.service.config.components[kind][id_]
            own = getattr(component, "address", "")
            place = own or getattr(settings, "endpoint", None) or getattr(settings, "path", None)
            parts.append(f"{id_} {place}" if place else str(id_))
        return ", ".join(parts)


_NOWHERE = "nothing: insights are kept and shown (OTEL_EXPORTER_OTLP_ENDPOINT or an exporter in the file changes that)"


async def run(path: Path | None, registry: Registry, say: Callable[[str], None]) -> int:
    """Run until SIGTERM or SIGINT; SIGHUP reads the file again. Returns the exit code: 2 where it cannot start."""
    keep_large_blocks()
    collect_seldom()
    signals = _signals()
    try:
        config = load(path, registry)
        configure_logging(config)
        running = await Running.start(config, registry)
    except (InsightsError, OSError) as error:
        print(_words(error), file=sys.stderr)  # noqa: T201
        return 2
    for warning in config.warnings:
        _log.warning("%s", warning)
    say(running.summary())
    while (caught := await signals.get()) == signal.SIGHUP:
        running = await _reload(running, path, registry)
    _log.info("%s: stopping", signal.Signals(caught).name)
    await running.stop()
    return 0


def _signals() -> asyncio.Queue[int]:
    loop, caught = asyncio.get_running_loop(), asyncio.Queue[int]()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, caught.put_nowait, number)
    return caught


async def _reload(running: Running, path: Path | None, registry: Registry) -> Running:
    """Stop what runs and start what the file says now; on any error, run on as before.

    Doors are closed for a moment, also those of receivers that did not change: senders try again, and lose nothing.
    """
    try:
        config = load(path, registry)
    except InvalidConfig as error:
        _log.error("not reloaded, all runs on as before:\n%s", error)
        return running
    before = running.service.config
    await running.stop()
    try:
        running = await Running.start(config, registry)
    except Exception as error:  # noqa: BLE001 - whatever it is, what ran before can run again
        _log.error("not reloaded, back to the configuration before: %s", _words(error))
        return await Running.start(before, registry)
    configure_logging(config)
    for warning in config.warnings:
        _log.warning("%s", warning)
    _log.info("reloaded\n%s", running.summary())
    return running


def _words(error: Exception) -> str:
    return str(error.strerror or error) if isinstance(error, OSError) else str(error)


def configure_logging(config: Config) -> None:
    """Write our own log to standard error. Repeatable; for commands only, never in someone's application."""
    logging.basicConfig(format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("otel_insights").setLevel(LEVELS[config.telemetry.logs.level])

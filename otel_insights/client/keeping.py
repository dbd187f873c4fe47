"""Which spool keeps what a signal's exporters could not send, and who sends it again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from otel_insights.client.destination import Destination
from otel_insights.client.exporters import Fan
from otel_insights.client.quiet import quiet
from otel_insights.client.replay import Replay
from otel_insights.client.settings import Settings
from otel_insights.client.spool import Spool

_OTLP, _HTTP = "opentelemetry.exporter.otlp.", "opentelemetry.exporter.otlp.proto.http."


def spool_for(settings: Settings, signal: str, exporter: Fan[Any]) -> Spool | None:
    """Give a spool to what leaves by OTLP. Each signal has its own: many spans push out no exception."""
    if settings.spool is None or not _speaks(exporter, _OTLP):
        return None
    return Spool(settings.spool / Destination(settings.endpoint, settings.headers).id / signal)


def resending(
    settings: Settings, kept: Iterable[tuple[Spool | None, Fan[Any]]]
) -> Callable[[Callable[[], bool]], None]:
    """Make what looks at the spools, sends again what is due, and ends early when it is told to.

    Over HTTP only: what was meant for gRPC waits for `otel-insights recover`.
    """
    to = Destination(settings.endpoint, settings.headers)
    replays = [Replay(spool, to.post) for spool, fan in kept if spool is not None and _speaks(fan, _HTTP)]

    def resend(stop: Callable[[], bool]) -> None:
        with quiet():
            for replay in replays:
                replay(stop)

    return resend


def _speaks(exporter: Fan[Any], module: str) -> bool:
    return any(type(one).__module__.startswith(module) for one in exporter.exporters)

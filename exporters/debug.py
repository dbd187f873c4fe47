"""debug: tells on the standard output what arrives, for the eyes of whoever sets up a pipeline."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

from otel_insights.component import Accepted, Exporter, Factory, Kind, Settings
from otel_insights.errors import BadData
from otel_insights.otlp_json import encode
from otel_insights.payload import Payload, Signal


class DebugSettings(Settings):
    """How much is told."""

    verbosity: Literal["basic", "detailed"] = "basic"
    """`basic`: a line for each request. `detailed`: its content too, as a line of OTLP/JSON."""


@dataclass(slots=True)
class Debug(Exporter):
    """Prints, accepts everything, and never fails: an output that is gone is no reason to send telemetry back."""

    settings: DebugSettings

    async def export(self, payload: Payload) -> Accepted:
        """Print one request."""
        lines = [f"{self.id}: {payload.signal.value}, {_items(payload)}, {payload.size} bytes"]
        if self.settings.verbosity == "detailed":
            lines.append(_content(payload))
        try:
            sys.stdout.write("\n".join([*lines, ""]))
            sys.stdout.flush()
        except (OSError, ValueError):  # a closed pipe, a closed stream
            self.host.metrics.add("otel_insights_debug_unprinted_requests", exporter=str(self.id))
        return Accepted()


def _items(payload: Payload) -> str:
    try:
        return f"{payload.count} {payload.signal.item}"
    except BadData as error:
        return f"unknown {payload.signal.item} ({error})"


def _content(payload: Payload) -> str:
    try:
        return encode(payload.message()).decode()
    except BadData as error:
        return f"not shown: {error}"


FACTORY = Factory(Kind.EXPORTER, "debug", DebugSettings, Debug, frozenset(signal.value for signal in Signal))

"""What `opentelemetry-instrument python app.py` finds of us, by entry points: distro and configurator.

The module is loaded by that command only, which brings `opentelemetry.instrumentation`.
"""

from __future__ import annotations

import os

from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined]
from opentelemetry.sdk import _configuration
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter

from otel_insights.client import tracing
from otel_insights.client.instrumentation import instrument


class Distro(BaseDistro):  # type: ignore[misc]
    """Chooses what is exported where nobody has: spans, over HTTP. Our events need no exporter of the SDK's."""

    def _configure(self, **_: object) -> None:
        os.environ.setdefault("OTEL_TRACES_EXPORTER", "otlp")
        os.environ.setdefault("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")


class Configurator(_configuration._OTelSDKConfigurator):  # noqa: SLF001 - made for distributions to derive from
    """Sets the SDK up as ever, with spans going out through our outbox, then calls `instrument()`.

    Only the first configurator that is installed is loaded: this one does all that the SDK's own does.
    """

    def _configure(self, **kwargs: object) -> None:
        # a file of configuration decides alone
        if not os.environ.get("OTEL_CONFIG_FILE"):
            kwargs.setdefault("export_span_processor", _adopted)
        super()._configure(**kwargs)  # type: ignore[no-untyped-call]
        instrument()


def _adopted(span_exporter: SpanExporter) -> SpanProcessor:
    return tracing.adopt(span_exporter)

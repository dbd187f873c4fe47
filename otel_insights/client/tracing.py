"""The application's tracing: joined where there is one, set up as OTEL_* say where there is none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.util._once import Once

from otel_insights.client.exporters import Fan, fan, offered
from otel_insights.client.hooks import Hook
from otel_insights.client.identity import INSTANCE_ID, PID, complete, given_instance_id, instance_id
from otel_insights.client.keeping import spool_for
from otel_insights.client.settings import Settings, number, settings
from otel_insights.client.span_outbox import SpanOutbox
from otel_insights.client.spans import Witness, watch
from otel_insights.redaction import Redactor

_SAMPLERS_OF_THE_SDK = frozenset(
    f"{parent}{name}" for parent in ("", "parentbased_") for name in ("always_on", "always_off", "traceidratio")
)


@dataclass(slots=True)
class Tracing:
    """What we added to the spans of this process."""

    witness: Witness | None = None
    outbox: SpanOutbox | None = None
    """Where spans are ours to export: None with a provider of the application's."""
    own: TracerProvider | None = None
    """The provider that exports through it."""
    yields: bool = False
    """Whether an application may put another provider in its place: nobody asked for ours."""
    given: str | None = None
    """`service.instance.id` as the user gave it: the SDK writes another one after a fork."""

    def stop(self) -> None:
        """Take part no more; a provider takes no processor back."""
        for one in (self.witness, self.outbox):
            if one is not None:
                one.active = False

    def after_fork(self, settings: Settings) -> None:
        """In the child: another instance, unless its name was given; what waits is the parent's."""
        provider = trace.get_tracer_provider()
        said: dict[str, str | int] = {INSTANCE_ID: self.given} if self.given else {}
        if self.outbox is not None:
            self.outbox.forget()
            self.outbox.exporter = fan("traces", settings.endpoint, settings.headers)
        if provider is self.own:
            said = {INSTANCE_ID: self.given or instance_id(), PID: os.getpid()}
        amend(provider, said)


_kept: Tracing | None = None
"""The provider that we made in this process: it stays when instrument() is taken back, and is used again."""


def join(settings: Settings, redactor: Redactor) -> Tracing:
    """Join the tracing that there is; make a provider and set it for all where there is none."""
    global _kept  # noqa: PLW0603 - a process has one
    provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider):
        exporter = fan("traces", settings.endpoint, settings.headers)
        if not exporter.exporters:  # OTEL_TRACES_EXPORTER=none: spans that nobody gets are a burden
            return Tracing()
        outbox = _outbox(exporter, settings, redactor)
        resource = complete(Resource.create(), settings, redactor)
        # the courier flushes within a bound when the process exits, the SDK's own way there has none
        made = TracerProvider(resource=resource, shutdown_on_exit=False, **_chosen())
        made.add_span_processor(outbox)
        trace.set_tracer_provider(made)
        _kept = Tracing(watch(), outbox, made, yields=True, given=given_instance_id(resource))
        return _kept
    if _kept is not None and _kept.outbox is not None and _exports(provider, _kept.outbox):
        _kept.outbox.active, _kept.outbox.redactor, _kept.outbox.stacktrace = True, redactor, settings.stacktrace
        _kept.witness, _kept.own = watch(), provider
        _kept.given = _kept.given or given_instance_id(provider.resource)
        return _kept
    return Tracing(watch(), given=given_instance_id(getattr(provider, "resource", Resource.get_empty())))


def adopt(exporter: SpanExporter) -> SpanProcessor:
    """Make the way out of spans that a configurator asks for before it makes a provider, which then counts as ours."""
    global _kept  # noqa: PLW0603 - as above
    if _kept is not None and _kept.outbox is not None:
        _kept.outbox.exporter = Fan([*_kept.outbox.exporter.exporters, exporter])
        return SpanProcessor()  # the first one sends to all
    chosen = settings()
    outbox = _outbox(Fan([exporter]), chosen, chosen.redactor())
    _kept = Tracing(outbox=outbox)
    return outbox


def giving_way(own: TracerProvider) -> Hook:
    """Let the application set a provider of its own later: the API refuses a second one, and ours would be in the way.

    Who has fetched `set_tracer_provider` before we came is refused as by any provider.
    """

    def make(before: Any, hook: Hook) -> Any:  # noqa: ANN401 - as hooks.py
        def set_tracer_provider(tracer_provider: trace.TracerProvider) -> None:
            if hook.active and trace.get_tracer_provider() is own:
                trace._TRACER_PROVIDER = None  # noqa: SLF001 - there is no public way back
                trace._TRACER_PROVIDER_SET_ONCE = Once()  # noqa: SLF001
            before(tracer_provider)
            if hook.active:
                watch()

        return set_tracer_provider

    return Hook(trace, "set_tracer_provider", make)


def amend(provider: object, said: Mapping[str, str | int]) -> None:
    """Change the resource of a provider of the SDK's; nothing with an SDK that cannot."""
    update = getattr(provider, "_update_resource", None)
    if said and update is not None:
        update(Resource(dict(said)))


def _outbox(exporter: Fan[ReadableSpan], settings: Settings, redactor: Redactor) -> SpanOutbox:
    size, batch = number("OTEL_BSP_MAX_QUEUE_SIZE", 2048), number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)
    return SpanOutbox(exporter, redactor, settings.stacktrace, size, batch, spool_for(settings, "traces", exporter))


def _exports(provider: object, outbox: SpanOutbox) -> TypeGuard[TracerProvider]:
    inner = getattr(provider, "_active_span_processor", None)
    return isinstance(provider, TracerProvider) and outbox in getattr(inner, "_span_processors", ())


def _chosen() -> dict[str, Any]:
    """Find the sampler and id generator that are named and not the SDK's; the provider reads all else itself."""
    chosen: dict[str, Any] = {}
    sampler = os.environ.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    if sampler and sampler not in _SAMPLERS_OF_THE_SDK:
        chosen["sampler"] = offered("opentelemetry_traces_sampler", sampler)(os.environ.get("OTEL_TRACES_SAMPLER_ARG"))
    generator = os.environ.get("OTEL_PYTHON_ID_GENERATOR", "").strip()
    if generator not in {"", "random"}:
        chosen["id_generator"] = offered("opentelemetry_id_generator", generator)()
    return chosen

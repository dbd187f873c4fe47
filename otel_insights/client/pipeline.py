"""The way out: through the application's logger provider if it has one that exports, else through one of our own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from opentelemetry import _logs, trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context, get_current
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context

from otel_insights.client import surroundings
from otel_insights.client.courier import Courier
from otel_insights.client.outbox import Outbox
from otel_insights.client.redaction import Redactor
from otel_insights.client.settings import Settings

SCOPE = "otel_insights.client"
FATAL, ERROR, INFO = SeverityNumber.FATAL, SeverityNumber.ERROR, SeverityNumber.INFO


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Takes events of ours to where they are exported."""

    logger: _logs.Logger
    courier: Courier
    at_source: Redactor | None
    """Set where the exporters are the application's: what enters there is clean."""

    def emit(
        self,
        event_name: str,
        severity: SeverityNumber,
        attributes: Mapping[str, object],
        span: SpanContext | None = None,
    ) -> None:
        """Hand an event over; does not wait."""
        context = get_current() if span is None else set_span_in_context(NonRecordingSpan(span), Context())
        cleaned = attributes if self.at_source is None else self.at_source.attributes(attributes)
        record = LogRecord(
            timestamp=time.time_ns(),
            context=context,
            severity_number=severity,
            severity_text=severity.name,
            attributes=dict(cleaned),  # type: ignore[arg-type]
            event_name=event_name,
        )
        self.logger.emit(record)


def build(settings: Settings) -> Pipeline:
    """Make the way out and start its courier. Again after a fork: nothing of the parent's may be sent twice."""
    redactor = Redactor(settings.hash_salt)
    own = surroundings.attributes(settings.environment_variables, redactor)
    theirs = _logs.get_logger_provider()
    if isinstance(theirs, LoggerProvider) and (processors := _processors(theirs)) is not None:
        resource = _resource(theirs.resource, own, settings)
        provider = LoggerProvider(resource, shutdown_on_exit=False, multi_log_record_processor=processors)
        return _started(provider, settings, redactor, lambda waited_for: waited_for and theirs.force_flush())
    tracing = trace.get_tracer_provider()
    resource = Resource.create()
    if isinstance(found := getattr(tracing, "resource", None), Resource):
        resource = resource.merge(found)
    outbox = Outbox(_exporter(settings), redactor, _number("OTEL_BLRP_MAX_QUEUE_SIZE", 4096), 512)
    provider = LoggerProvider(_resource(resource, own, settings), shutdown_on_exit=False)
    provider.add_log_record_processor(outbox)
    return _started(provider, settings, None, lambda _: outbox.send(), outbox.shutdown)


def _started(
    provider: LoggerProvider,
    settings: Settings,
    at_source: Redactor | None,
    deliver: Callable[[bool], object],
    abort: Callable[[], object] = lambda: None,
) -> Pipeline:
    def announce() -> None:
        for name, version in surroundings.packages().items() if settings.packages else ():
            pipeline.emit("package.info", INFO, {"package.name": name, "package.version": version})

    courier = Courier(deliver, announce, _number("OTEL_BLRP_SCHEDULE_DELAY", 1000) / 1000, abort)
    pipeline = Pipeline(provider.get_logger(SCOPE), courier, at_source)
    courier.start()
    return pipeline


def _resource(base: Resource, own: Mapping[str, str | int], settings: Settings) -> Resource:
    """Add to what the application says of itself, never against it; keyword arguments win."""
    said = {**own, **base.attributes, "process.pid": own["process.pid"], **settings.resource}
    said.setdefault("service.instance.id", surroundings.instance_id())
    return Resource(said, base.schema_url)


def _processors(provider: LoggerProvider):  # type: ignore[no-untyped-def]  # noqa: ANN202 - the SDK names no public type
    """Find the processors of a provider; None if it has none, and would lose what we send."""
    found = getattr(provider, "_multi_log_record_processor", None)
    return found if getattr(found, "_log_record_processors", ()) else None


def _exporter(settings: Settings) -> OTLPLogExporter:
    endpoint = settings.endpoint and f"{settings.endpoint.rstrip('/')}/v1/logs"
    return OTLPLogExporter(endpoint=endpoint, headers=dict(settings.headers) if settings.headers else None)


def _number(name: str, default: int) -> int:
    value = os.environ.get(name, "").strip()
    return int(value) if value.isdigit() and int(value) > 0 else default

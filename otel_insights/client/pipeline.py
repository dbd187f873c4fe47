"""The way out: through the application's logger provider if it has one that exports, else through one of our own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from opentelemetry import _logs, trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context, get_current
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context

from otel_insights.client import surroundings
from otel_insights.client.courier import Courier
from otel_insights.client.exporters import fan
from otel_insights.client.guard import guarded
from otel_insights.client.identity import complete
from otel_insights.client.keeping import resending, spool_for
from otel_insights.client.measuring import Measuring
from otel_insights.client.neighbours import processors_of
from otel_insights.client.outbox import PACKAGE_INFO, Outbox
from otel_insights.client.settings import Settings, number
from otel_insights.client.span_outbox import SpanOutbox
from otel_insights.client.tracing import Tracing
from otel_insights.redaction import Redactor

SCOPE = "otel_insights.client"
FATAL, ERROR, INFO = SeverityNumber.FATAL, SeverityNumber.ERROR, SeverityNumber.INFO


@dataclass(slots=True)
class _Told:
    """Whether the application's providers were told something since they were last flushed; packages can wait."""

    news: bool = False


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Takes events of ours to where they are exported."""

    logger: _logs.Logger
    courier: Courier
    at_source: Redactor | None
    """Set where the exporters are the application's: what enters there is clean."""
    resource: Resource
    """Of what we send."""
    measuring: Measuring
    """What is to be sent with the events."""
    waiting: Callable[[], bool] = lambda: True
    """Whether something may not have been sent."""
    told: _Told = field(default_factory=_Told)

    def emit(
        self,
        event_name: str,
        severity: SeverityNumber,
        attributes: Mapping[str, object],
        span: SpanContext | None = None,
        timestamp_ns: int | None = None,
    ) -> None:
        """Hand an event over; does not wait."""
        context = get_current() if span is None else set_span_in_context(NonRecordingSpan(span), Context())
        cleaned = attributes if self.at_source is None else self.at_source.attributes(attributes)
        record = LogRecord(
            timestamp=time.time_ns() if timestamp_ns is None else timestamp_ns,
            context=context,
            severity_number=severity,
            severity_text=severity.name,
            attributes=dict(cleaned),  # type: ignore[arg-type]
            event_name=event_name,
        )
        self.told.news |= event_name != PACKAGE_INFO
        self.logger.emit(record)


def build(settings: Settings, redactor: Redactor, tracing: Tracing) -> Pipeline:
    """Make the way out and start its courier. Again after a fork: nothing of the parent's may be sent twice."""
    spans = tracing.outbox
    theirs = _logs.get_logger_provider()
    if isinstance(theirs, LoggerProvider) and (processors := processors_of(theirs)) is not None:
        resource = complete(theirs.resource, settings, redactor)
        provider = LoggerProvider(resource, shutdown_on_exit=False, multi_log_record_processor=processors)

        def flush(waited_for: bool) -> None:  # noqa: FBT001 - the courier says so
            if waited_for:
                told.news = False
                theirs.force_flush()

        told = _Told()
        return _started(provider, settings, redactor, flush, spans=spans, told=told)
    resource = Resource.create()
    if isinstance(found := getattr(trace.get_tracer_provider(), "resource", None), Resource):
        resource = resource.merge(found)
    exporter = fan("logs", settings.endpoint, settings.headers)
    spool = spool_for(settings, "logs", exporter)
    outbox = Outbox(exporter, redactor, number("OTEL_BLRP_MAX_QUEUE_SIZE", 4096), 512, spool)
    provider = LoggerProvider(complete(resource, settings, redactor), shutdown_on_exit=False)
    provider.add_log_record_processor(outbox)
    return _started(provider, settings, redactor, lambda _: outbox.send(), outbox, spans)


def _started(
    provider: LoggerProvider,
    settings: Settings,
    redactor: Redactor,
    deliver: Callable[[bool], object],
    events: Outbox | None = None,
    spans: SpanOutbox | None = None,
    told: _Told | None = None,
) -> Pipeline:
    def announce() -> None:
        for name, version in surroundings.packages().items() if settings.packages else ():
            pipeline.emit(PACKAGE_INFO, INFO, {"package.name": name, "package.version": version})

    def deliver_all(waited_for: bool) -> None:  # noqa: FBT001 - as above
        guarded(deliver)(waited_for)  # events first: they say why a process dies
        if spans is not None:
            spans.send()
        guarded(measuring.send)(waited_for)

    delay = number("OTEL_BLRP_SCHEDULE_DELAY", 1000)
    if spans is not None:
        delay = min(delay, number("OTEL_BSP_SCHEDULE_DELAY", 5000))
    outboxes = [one for one in (events, spans) if one is not None]
    measuring = Measuring(settings, redactor, provider.resource)
    courier = Courier(
        deliver_all,
        announce,
        delay / 1000,
        abort=lambda: [guarded(one.shutdown)() for one in (*outboxes, measuring)],
        rescue=lambda: [guarded(one.rescue)() for one in outboxes],
        resend=resending(settings, [(one.spool, one.exporter) for one in outboxes]),
    )
    if spans is not None:
        spans.wake = courier.wake

    def waiting() -> bool:
        unflushed = told is not None and told.news
        return unflushed or any(one.waiting for one in (*outboxes, measuring))

    logger = provider.get_logger(SCOPE)
    at_source = None if events is not None else redactor
    pipeline = Pipeline(logger, courier, at_source, provider.resource, measuring, waiting, told or _Told())
    courier.start()
    return pipeline

"""Beside an OpenTelemetry Collector: groups exceptions and explains them by the configuration that fails."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otel_insights.client.commits import associate_commit
    from otel_insights.client.decorator import exception_telemetry
    from otel_insights.client.events import record_event, send_error_event
    from otel_insights.client.instrumentation import flush, instrument, record_exception, shutdown, uninstrument
    from otel_insights.client.operations import operation, record_metric
    from otel_insights.client.runs import end_run, log_event, start_run, track_run
    from otel_insights.client.sessions import end_session, start_session

__all__ = [
    "associate_commit",
    "end_run",
    "end_session",
    "exception_telemetry",
    "flush",
    "instrument",
    "log_event",
    "operation",
    "record_event",
    "record_exception",
    "record_metric",
    "send_error_event",
    "shutdown",
    "start_run",
    "start_session",
    "track_run",
    "uninstrument",
]
_HOMES = {
    "associate_commit": "commits",
    "end_run": "runs",
    "end_session": "sessions",
    "exception_telemetry": "decorator",
    "flush": "instrumentation",
    "instrument": "instrumentation",
    "log_event": "runs",
    "operation": "operations",
    "record_event": "events",
    "record_exception": "instrumentation",
    "record_metric": "operations",
    "send_error_event": "events",
    "shutdown": "instrumentation",
    "start_run": "runs",
    "start_session": "sessions",
    "track_run": "runs",
    "uninstrument": "instrumentation",
}


def __getattr__(name: str) -> object:
    """Load what is called for, and no more: `import otel_insights` alone stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"otel_insights.client.{_HOMES[name]}"), name)

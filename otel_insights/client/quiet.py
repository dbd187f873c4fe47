"""Silence of the exporters on our thread: what they log of a dead endpoint may not reach the application's stderr."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_TALKATIVE = (
    "opentelemetry.exporter.otlp.proto.http",
    "opentelemetry.exporter.otlp.proto.http._log_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "urllib3.connectionpool",
    "urllib3.util.retry",
)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what the exporter logs on this thread to itself; on other threads it may be theirs."""
    here = threading.get_ident()

    def elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != here

    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    for one in loggers:
        one.addFilter(elsewhere)
    try:
        yield
    finally:
        for one in loggers:
            one.removeFilter(elsewhere)

"""What is remembered of an exception: one record that tells of it."""

from __future__ import annotations

from typing import NamedTuple

from otel_insights.analysis.fingerprint import Fingerprint
from otel_insights.store.environments import EnvironmentKey


class Observation(NamedTuple):
    """One record (a span's event, a log record) that tells of a raise.

    `key` identifies the record: the same record sent twice has the same. `weight` is how many the record stands for.
    """

    key: int
    environment: EnvironmentKey
    fingerprint: Fingerprint
    message: str
    stacktrace: str
    trace_id: bytes
    span_id: bytes
    time_ns: int
    weight: float = 1.0

"""How an OTLP door answers: OTLP specification 1.x, "OTLP/gRPC Response", "OTLP/HTTP Response" and "Failures"."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otel_insights.component import Accepted
from otel_insights.errors import BadData, Refused, TooLarge, Unauthenticated
from otel_insights.payload import Signal

Response = ExportTraceServiceResponse | ExportLogsServiceResponse | ExportMetricsServiceResponse
_LONGEST_MESSAGE = 1000
"""Bytes. It travels twice in gRPC's trailers, up to four times as long by then, and clients take 8 KiB of them: over
that they make RESOURCE_EXHAUSTED of any answer, and throw the data away."""
_LONGEST_DELAY = 3600.0
_RESPONSES: Final[dict[Signal, tuple[type[Response], str]]] = {
    Signal.TRACES: (ExportTraceServiceResponse, "rejected_spans"),
    Signal.LOGS: (ExportLogsServiceResponse, "rejected_log_records"),
    Signal.METRICS: (ExportMetricsServiceResponse, "rejected_data_points"),
}


def success(signal: Signal, accepted: Accepted) -> Response:
    """Answer that a request was accepted; `partial_success` is unset unless something was rejected or is to be said."""
    response, field = _RESPONSES[signal]
    if not accepted.rejected and not accepted.reason:
        return response()
    made = response()
    setattr(made.partial_success, field, accepted.rejected)
    made.partial_success.error_message = accepted.reason
    return made


@dataclass(frozen=True, slots=True)
class Failure:
    """How a request that was not accepted is answered, over either transport."""

    code: grpc.StatusCode
    http: int
    message: str
    retry_after: float | None = None
    """Seconds; the sender tries again by its own rules where it is None."""

    @property
    def status(self) -> Status:
        """The answer as google.rpc.Status, with RetryInfo where the time is known."""
        status = Status(code=self.code.value[0], message=self.message)
        if (info := self.retry_info) is not None:
            status.details.add().Pack(info)
        return status

    @property
    def retry_info(self) -> RetryInfo | None:
        """When to try again."""
        if self.retry_after is None:
            return None
        delay = Duration()
        delay.FromMilliseconds(round(self.retry_after * 1e3))
        return RetryInfo(retry_delay=delay)

    @property
    def retry_after_header(self) -> str | None:
        """Whole seconds, not earlier than said (RFC 9110, section 10.2.3)."""
        return None if self.retry_after is None else str(max(1, math.ceil(self.retry_after)))


def failure(error: Exception) -> Failure:
    """Tell how an error is answered. What is not foreseen is a bug of ours, so the sender is asked to try again.

    Never RESOURCE_EXHAUSTED for overload: without RetryInfo the Collector drops the data ("OTLP/gRPC Throttling").
    """
    code = grpc.StatusCode
    told = _shortened(str(error))
    if isinstance(error, TooLarge):
        return Failure(code.RESOURCE_EXHAUSTED, 413, told)
    if isinstance(error, BadData):
        return Failure(code.INVALID_ARGUMENT, 400, told)
    if isinstance(error, Unauthenticated):
        return Failure(code.UNAUTHENTICATED, 401, told)
    if isinstance(error, Refused):
        return Failure(code.UNAVAILABLE, 503, told, _bounded(error.retry_after))
    return Failure(code.UNAVAILABLE, 503, "an error in otel-insights, it has been logged: try again", 5.0)


def _shortened(text: str) -> str:
    """Cut a message, and make it one that protobuf can hold."""
    return text.encode("utf-8", "replace")[:_LONGEST_MESSAGE].decode("utf-8", "ignore")


def _bounded(seconds: float | None) -> float:
    """Make a delay that can be written down of whatever the next hop asked for; a second where it said nothing."""
    return 1.0 if seconds is None or not seconds >= 0 else min(seconds, _LONGEST_DELAY)

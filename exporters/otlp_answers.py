"""What the next hop's answer means: accepted, try again (Refused), or never (BadData).

The tables are those of the OTLP specification 1.x, "OTLP/gRPC Response" and "OTLP/HTTP Response"
(https://opentelemetry.io/docs/specs/otlp/#failures, #failures-1), and one deviation: see `NotLetIn`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otel_insights.component import Accepted
from otel_insights.errors import BadData, InsightsError, Refused, TooLarge

_RETRYABLE_CODES: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
_RETRYABLE_STATUSES: Final = frozenset({429, 502, 503, 504})
LONGEST_HINT: Final = 3600.0
"""In seconds: no next hop makes a sender wait longer, whatever it says."""
_LONGEST_MESSAGE: Final = 1000
"""In characters: a proxy's error page need not travel back whole."""


class NotLetIn(Refused):  # named as its relatives are
    """The next hop wants other credentials than it got (UNAUTHENTICATED, PERMISSION_DENIED, 401, 403).

    The Collector's exporters drop the data in this case. But it is our configuration that is wrong, not the sender's
    data, so the sender is told to keep it. Trying again at once is pointless, so that is not done.
    """


def accepted(response: bytes) -> Accepted:
    """Read the response to a successful export, for a partial success.

    What cannot be read was still said under a code of success, so the data counts as accepted.
    """
    if not response:
        return Accepted()
    try:
        # the responses of the three signals differ in the names of their fields only, not on the wire
        partial = ExportTraceServiceResponse.FromString(response).partial_success
    except DecodeError:
        return Accepted()
    return Accepted(max(0, partial.rejected_spans), partial.error_message)


def grpc_error(
    code: grpc.StatusCode,
    message: str,
    trailers: Iterable[tuple[str, str | bytes]],
) -> InsightsError:
    """Tell what a gRPC status means. RetryInfo is read from `grpc-status-details-bin`."""
    delay = _retry_info(trailers)
    text = f"{code.name}: {message[:_LONGEST_MESSAGE]}"
    if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        return NotLetIn(text)
    if code in _RETRYABLE_CODES:
        return Refused(text, retry_after=delay)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return TooLarge(text) if delay is None else Refused(text, retry_after=delay)
    return BadData(text)


def _retry_info(trailers: Iterable[tuple[str, str | bytes]]) -> float | None:
    for key, value in trailers:
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            try:
                for detail in Status.FromString(value).details:
                    info = RetryInfo()
                    if detail.Unpack(info):
                        return _hint(info.retry_delay.ToNanoseconds() / 1e9)
            except DecodeError:
                return None
    return None


def http_error(
    status: int, reason: str, retry_after: str, body: bytes, content_type: str, *, now: float
) -> InsightsError:
    """Tell what an HTTP status other than 2xx means; `now` is in seconds since the epoch, for dates in Retry-After."""
    said = _http_message(body, content_type) or reason
    text = f"HTTP {status}: {said[:_LONGEST_MESSAGE]}"
    if status in (401, 403):
        return NotLetIn(text)
    if status in _RETRYABLE_STATUSES:
        return Refused(text, retry_after=seconds_until(retry_after, now))
    return TooLarge(text) if status == 413 else BadData(text)  # noqa: PLR2004


def _http_message(body: bytes, content_type: str) -> str:
    if content_type.startswith("application/x-protobuf"):
        try:
            return str(Status.FromString(body).message)
        except DecodeError:
            return ""
    return body.decode(errors="replace").strip()


def seconds_until(retry_after: str, now: float) -> float | None:
    """Read a Retry-After header: seconds, or an HTTP date (RFC 9110, section 10.2.3). None for anything else.

    >>> seconds_until("120", now=0)
    120.0
    >>> seconds_until("Thu, 01 Jan 1970 00:00:07 GMT", now=5)
    2.0
    """
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return _hint(float(text))
    try:
        when = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    return _hint(when.timestamp() - now)


def _hint(seconds: float) -> float:
    return min(max(0.0, seconds), LONGEST_HINT)

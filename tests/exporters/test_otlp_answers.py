"""Answers that no honest server gives: whatever comes, it is read as some answer."""

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import DebugInfo, RetryInfo
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st

from otel_insights.component import Accepted
from otel_insights.errors import InsightsError, Refused, TooLarge
from otel_insights.exporters.otlp_answers import LONGEST_HINT, accepted, grpc_error, http_error, seconds_until

RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


def packed(message) -> Any:
    made = Any()
    made.Pack(message)
    return made


def retry_info(seconds: int) -> RetryInfo:
    info = RetryInfo()
    info.retry_delay.seconds = seconds
    return info


@pytest.mark.parametrize(
    ("details", "retry_after"),
    [
        ([], None),
        ([packed(DebugInfo(detail="odd")), packed(retry_info(7))], 7),
        ([packed(retry_info(0))], 0),
        ([packed(retry_info(-7))], 0),
        ([packed(retry_info(10**9))], LONGEST_HINT),
        ([Any(type_url=RETRY_INFO, value=b"\xff")], None),
    ],
)
def test_retry_info_is_found_among_other_details_and_within_reason(details, retry_after):
    trailers = [("other-bin", b"\xff"), ("grpc-status-details-bin", Status(details=details).SerializeToString())]
    error = grpc_error(grpc.StatusCode.RESOURCE_EXHAUSTED, "", trailers)
    if retry_after is None:
        assert isinstance(error, TooLarge)
    else:
        assert isinstance(error, Refused)
        assert error.retry_after == retry_after


@given(st.sampled_from(grpc.StatusCode), st.text(), st.binary())
def test_any_grpc_answer_is_some_error(code, message, details):
    assert isinstance(grpc_error(code, message, [("grpc-status-details-bin", details)]), InsightsError)


@given(
    st.integers(100, 999),
    st.text(),
    st.text() | st.integers().map(str),
    st.binary(),
    st.sampled_from(["application/x-protobuf", "application/json", "text/html", ""]),
)
def test_any_http_answer_is_some_error(status, reason, retry_after, body, content_type):
    assert isinstance(http_error(status, reason, retry_after, body, content_type, now=0.0), InsightsError)


@given(st.binary())
def test_any_response_to_success_is_success(response):
    assert isinstance(accepted(response), Accepted)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("0", 0), (" 7 ", 7), ("9" * 400, LONGEST_HINT), ("-7", None), ("1.5", None), ("", None), ("\u0663", None),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 50), ("Thursday, 01-Jan-70 00:01:00 GMT", 50),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_HINT),
        ("Thu, 99 Jan 1970 00:00:00 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date_and_within_reason(retry_after, seconds):
    assert seconds_until(retry_after, now=10.0) == seconds

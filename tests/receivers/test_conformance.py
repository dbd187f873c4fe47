"""OTLP as the specification has it (https://opentelemetry.io/docs/specs/otlp/, 1.x): each row cites its section.

Every row is played against both doors, over real sockets.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field

import grpc
import pytest
from doors import JSON, PROTOBUF, doors
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from otlp_samples import log, logs, span, spans

from otel_insights.component import Accepted
from otel_insights.errors import BadData, Refused, TooLarge
from otel_insights.payload import Signal

RESPONSES = {
    Signal.TRACES: ExportTraceServiceResponse,
    Signal.LOGS: ExportLogsServiceResponse,
    Signal.METRICS: ExportMetricsServiceResponse,
}
SPANS = spans(span(1), span(2)).data
OK = grpc.StatusCode.OK
MIB = 2**20


@dataclass(frozen=True)
class Row:
    """A request, what the pipeline says to it, and the answer over each transport."""

    name: str
    section: str
    body: bytes
    code: grpc.StatusCode
    http: int
    pipeline: Accepted | Exception = field(default_factory=Accepted)
    signal: Signal = Signal.TRACES
    retry_after: float | None = None
    says: str = ""
    """A part of the message."""
    reaches: bool = False
    """Whether the pipeline gets the request, byte for byte as it was before compression."""
    raw: bytes = b""
    """What the pipeline gets where that is not the body."""


ROWS = [
    Row("accepted", "OTLP/gRPC Response: Full Success; OTLP/HTTP Response: Full Success", SPANS, OK, 200, reaches=True),
    Row("empty", "OTLP/gRPC Request: empty telemetry requests succeed", b"", OK, 200, reaches=True),
    Row("log records", "Full Success", logs(log("x")).data, OK, 200, signal=Signal.LOGS, reaches=True),
    Row("metrics", "Full Success", b"", OK, 200, signal=Signal.METRICS, reaches=True),
    Row(
        "partly rejected",
        "Partial Success: the server MUST set rejected_<signal> and SHOULD set error_message",
        SPANS, OK, 200, Accepted(1, "one span too old"), reaches=True,
    ),
    Row(
        "warned",
        "Partial Success: rejected may be 0 with an error_message, to convey warnings",
        SPANS, OK, 200, Accepted(0, "a warning"), reaches=True,
    ),
    Row(
        "broken framing",
        "Failures: not retryable, INVALID_ARGUMENT; Bad Data: 400",
        b"\x0a\xff\xff", grpc.StatusCode.INVALID_ARGUMENT, 400, says="not a valid export request",
    ),
    Row("noise", "Bad Data", bytes(range(1, 200)), grpc.StatusCode.INVALID_ARGUMENT, 400),
    Row(
        "refused as bad by the pipeline",
        "Failures: not retryable",
        SPANS, grpc.StatusCode.INVALID_ARGUMENT, 400, BadData("the next hop says no"), says="the next hop says no",
    ),
    Row(
        "not now",
        "OTLP/gRPC Throttling: UNAVAILABLE with RetryInfo; OTLP/HTTP Throttling: 503 with Retry-After",
        SPANS, grpc.StatusCode.UNAVAILABLE, 503, Refused("full", retry_after=2.5), retry_after=2.5, says="full",
    ),
    Row(
        "not now, nobody knows when",
        "OTLP/gRPC Throttling",
        SPANS, grpc.StatusCode.UNAVAILABLE, 503, Refused("full"), retry_after=1.0,
    ),
    Row(
        "a bug of ours",
        "Failures: retryable, so that a client keeps what it has",
        SPANS, grpc.StatusCode.UNAVAILABLE, 503, ZeroDivisionError("a bug"), retry_after=5.0, says="try again",
    ),
    Row(
        "too large for the next hop",
        "Failures: RESOURCE_EXHAUSTED is retryable only with RetryInfo, so it carries none",
        SPANS, grpc.StatusCode.RESOURCE_EXHAUSTED, 413, TooLarge("over its limit"), says="over its limit",
    ),
    Row("too large", "Failures", b"\x0a" * (2 * MIB), grpc.StatusCode.RESOURCE_EXHAUSTED, 413),
    Row(
        "no UTF-8",
        "the Collector accepts it, so it goes through untouched",
        SPANS.replace(b"GET /", b"\xff\xfe\xfd\xfc\xfb"), OK, 200, reaches=True,
    ),
    Row(
        "fields that nobody knows yet",
        "Protobuf: unknown fields are kept; new fields may come at any time (OTLP: Future Versions)",
        SPANS + b"\xba\x3e\x03new", OK, 200, reaches=True,
    ),
]  # fmt: skip


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
class TestRows:
    async def test_over_grpc(self, host, row: Row, compressed: bool):
        async with doors(host, max_message_bytes=MIB) as both:
            both.sink.answers.append(row.pipeline)
            compression = grpc.Compression.Gzip if compressed else grpc.Compression.NoCompression
            answer = await both.call(row.signal, row.body, compression=compression)
        assert answer.code is row.code, answer.message
        assert row.says in answer.message
        if row.code is OK:
            check_success(row, RESPONSES[row.signal].FromString(answer.body))
        else:
            assert answer.retry_infos == ([row.retry_after] * 2 if row.retry_after is not None else [])
        assert [payload.data for payload in both.sink.got] == ([row.body] if row.reaches else [])

    async def test_over_http(self, host, row: Row, compressed: bool):
        async with doors(host, max_message_bytes=MIB) as both:
            both.sink.answers.append(row.pipeline)
            encoding = {"content_encoding": "gzip"} if compressed else {}
            body = gzip.compress(row.body) if compressed else row.body
            answer = await both.post(row.signal, body, **encoding)
        assert answer.status_code == row.http, answer.content
        assert answer.headers["content-type"] == PROTOBUF
        if row.http == 200:
            check_success(row, RESPONSES[row.signal].FromString(answer.content))
        else:
            status = Status.FromString(answer.content)  # "Failures": the body MUST be a Status message
            assert row.says in status.message
            expected = None if row.retry_after is None else str(max(1, -int(-row.retry_after // 1)))
            assert answer.headers.get("retry-after") == expected
        assert [payload.data for payload in both.sink.got] == ([row.body] if row.reaches else [])


def check_success(row: Row, response) -> None:
    assert response.HasField("partial_success") == bool(row.pipeline.rejected or row.pipeline.reason)
    assert row.pipeline.reason == response.partial_success.error_message
    if row.signal is Signal.TRACES:
        assert row.pipeline.rejected == response.partial_success.rejected_spans


JSON_SPANS = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "traceId": "5B8EFFF798038103D269B633813FC60C",
                            "spanId": "eee19b7ec3c1b174",
                            "kind": 2,
                            "startTimeUnixNano": "1544712660000000000",
                            "droppedAttributesCount": 3,
                            "somethingNew": {"a": [1]},
                        }
                    ]
                }
            ],
        }
    ]
}


async def test_json_has_hex_ids_integer_enums_and_64_bits_as_text_and_unknown_fields_are_ignored(host):
    """JSON Protobuf Encoding."""
    async with doors(host) as both:
        answer = await both.post(Signal.TRACES, json.dumps(JSON_SPANS).encode(), JSON)
    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (200, JSON, {})
    (made,) = both.sink.spans()
    assert made.trace_id.hex() == "5b8efff798038103d269b633813fc60c"
    assert made.span_id.hex() == "eee19b7ec3c1b174"
    assert (made.kind, made.start_time_unix_nano, made.dropped_attributes_count) == (2, 1544712660000000000, 3)


async def test_json_is_answered_in_json_also_in_part_and_in_failure(host):
    """OTLP/HTTP Response: the server MUST use the same Content-Type as it received."""
    async with doors(host) as both:
        both.sink.answers.append(Accepted(1, "too old"))
        partly = await both.post(Signal.TRACES, json.dumps(JSON_SPANS).encode(), JSON + "; charset=utf-8")
        broken = await both.post(Signal.TRACES, b'{"resourceSpans": [{"scopeSpans": 7}]}', JSON)
        noise = await both.post(Signal.TRACES, b"{", JSON)
    assert partly.json() == {"partialSuccess": {"rejectedSpans": "1", "errorMessage": "too old"}}
    assert broken.status_code == 400
    assert broken.json()["code"] == 3
    assert "resourceSpans[0].scopeSpans" in broken.json()["message"]
    assert noise.status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "kind", "status"),
    [
        ("POST", "/v1/profiles", PROTOBUF, 404),
        ("POST", "/", PROTOBUF, 404),
        ("GET", "/v1/traces", PROTOBUF, 405),
        ("PUT", "/v1/traces", PROTOBUF, 405),
        ("POST", "/v1/traces", "text/plain", 415),
        ("POST", "/v1/traces", "", 415),
    ],
)
async def test_what_is_no_export_request_is_answered_as_the_collector_does(host, method, path, kind, status):
    """OTLP/HTTP Request; statuses of the Collector's otlpreceiver."""
    import httpx

    async with doors(host) as both, httpx.AsyncClient() as client:
        headers = {"content-type": kind} if kind else {}
        answer = await client.request(method, both.url + path, headers=headers, content=b"")
    assert answer.status_code == status
    assert both.sink.got == []


async def test_signal_that_no_pipeline_takes_is_unimplemented_and_not_found(host):
    async with doors(host, signals=(Signal.TRACES,)) as both:
        assert (await both.call(Signal.LOGS, b"")).code is grpc.StatusCode.UNIMPLEMENTED
        assert (await both.post(Signal.LOGS, b"")).status_code == 404
        assert (await both.call(Signal.TRACES, b"")).code is OK


async def test_content_encoding_that_is_not_known_is_refused(host):
    async with doors(host) as both:
        answer = await both.post(Signal.TRACES, SPANS, content_encoding="br")
    assert answer.status_code == 400
    assert "gzip" in Status.FromString(answer.content).message


@pytest.mark.parametrize("spoil", [lambda z: z[:-9], lambda z: z[:30] + b"\x00\xff" + z[32:], lambda z: z[:2]])
async def test_gzip_that_is_cut_or_corrupt_is_bad_data_and_the_next_request_works(host, spoil):
    body = spoil(gzip.compress(SPANS))
    async with doors(host) as both:
        assert (await both.call(Signal.TRACES, body)).code is grpc.StatusCode.INVALID_ARGUMENT
        assert (await both.post(Signal.TRACES, body, content_encoding="gzip")).status_code == 400
        assert (await both.call(Signal.TRACES, SPANS)).code is OK
        assert (await both.post(Signal.TRACES, SPANS)).status_code == 200


async def test_gzip_of_several_members_is_one_request(host):
    """RFC 1952, section 2.2."""
    body = gzip.compress(SPANS[:50]) + gzip.compress(SPANS[50:])
    async with doors(host) as both:
        assert (await both.call(Signal.TRACES, body)).code is OK
        assert (await both.post(Signal.TRACES, body, content_encoding="gzip")).status_code == 200
    assert [payload.data for payload in both.sink.got] == [SPANS, SPANS]


async def test_compressed_bytes_are_kept_for_an_exporter_to_send_on(host):
    body = gzip.compress(SPANS)
    kept = []

    async def consume(payload):
        kept.append(payload.gzipped)
        return Accepted()

    async with doors(host, consume=consume) as both:
        await both.post(Signal.TRACES, body, content_encoding="gzip")
        await both.post(Signal.TRACES, SPANS)
    assert kept == [body, None]

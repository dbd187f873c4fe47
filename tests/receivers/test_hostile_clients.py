"""Requests that break rules, are rare, or are given up: the doors bear them, and others do not notice."""

from __future__ import annotations

import asyncio
import gzip
import struct
import time

import grpc
import pytest
from doors import JSON, Doors, doors
from google.rpc.status_pb2 import Status
from next_hop import soon
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from otlp_samples import build
from raw_connection import SPANS, connection, still_works

from otel_insights.component import Accepted
from otel_insights.errors import BadData, Refused
from otel_insights.payload import Signal
from otel_insights.receivers import otlp_grpc, otlp_http


async def test_a_grpc_client_that_leaves_cancels_its_request_and_no_other(host, caplog):
    under_way, cancelled = asyncio.Event(), []

    async def consume(payload):
        if payload.data != SPANS:
            under_way.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(payload)
                raise
        return Accepted()

    async with doors(host, consume=consume) as both:
        async with grpc.aio.insecure_channel(both.grpc_receiver.address) as channel:
            call = channel.unary_unary(Signal.TRACES.grpc_method)(SPANS + SPANS)
            await under_way.wait()
            call.cancel()
            await soon(lambda: bool(cancelled))
        await still_works(both)
    assert caplog.text == ""
    assert host.metrics.value("otelcol_receiver_refused_spans", receiver="otlp_grpc", transport="grpc") == 2


async def test_a_cancellation_from_within_asks_the_sender_to_try_again(host):
    """ "Failures": UNKNOWN and 500 would be final, and the data lost."""

    async def consume(_payload):
        raise asyncio.CancelledError

    async with doors(host, consume=consume) as both:
        assert (await both.call(Signal.TRACES, SPANS)).code is grpc.StatusCode.UNAVAILABLE
        assert (await both.post(Signal.TRACES, SPANS)).status_code == 503


async def test_a_request_that_outlasts_the_drain_is_answered_so_that_it_comes_again(host):
    arrived = asyncio.Event()

    async def never(_payload):
        arrived.set()
        await asyncio.Event().wait()

    for module in (otlp_grpc, otlp_http):
        arrived.clear()
        receiver = build(module.FACTORY, endpoint="127.0.0.1:0", drain="1s")
        await receiver.start(host)
        await receiver.serve({Signal.TRACES: never})
        both = Doors(receiver, receiver, None)
        send = both.call if module is otlp_grpc else both.post
        under_way = asyncio.create_task(send(Signal.TRACES, SPANS))
        await arrived.wait()
        await asyncio.wait_for(receiver.stop(), 5)
        answer = await under_way
        if module is otlp_grpc:
            assert answer.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)  # both are retryable
        else:
            assert answer.status_code == 503


async def test_a_door_that_has_closed_refuses_connections(host):
    async with doors(host) as both:
        places = both.grpc_receiver.address, both.http_receiver.address
    for place in places:
        with pytest.raises(ConnectionError):
            async with connection(place):
                pass


async def test_a_million_empty_gzip_members_take_no_time(host):
    async with doors(host) as both:
        body, begun = gzip.compress(b"") * 200_000, time.monotonic()
        assert (await both.post(Signal.TRACES, body, content_encoding="gzip")).status_code == 400
        assert (await both.call(Signal.TRACES, body)).code is grpc.StatusCode.INVALID_ARGUMENT
        assert time.monotonic() - begun < 5
        await still_works(both)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"resourceSpans": ' + b"[" * 100_000,
        b'{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":'
        + b'{"arrayValue":{"values":[' * 300 + b"{}" + b"]}}" * 300 + b"}]}}]}",
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"\xff"}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":1e400}]}]}]}',
    ],
    ids=["empty", "a list", "null", "deep brackets", "deep values", "no hex", "no UTF-8", "no number"],
)  # fmt: skip
async def test_bad_json_is_400_with_a_status_in_json(host, body):
    async with doors(host) as both:
        answer = await both.post(Signal.TRACES, body, JSON)
    assert answer.status_code == 400, answer.content
    assert answer.headers["content-type"] == JSON
    assert answer.json()["code"] == 3
    assert answer.json()["message"]


async def test_an_unknown_grpc_encoding_is_refused_by_the_protocol(host):
    """gRPC compression: "the server MUST respond with UNIMPLEMENTED"."""
    async with doors(host) as both:
        answer = await both.call(Signal.TRACES, SPANS, compression=grpc.Compression.Deflate)
        assert answer.code is grpc.StatusCode.UNIMPLEMENTED
        await still_works(both)
    assert len(both.sink.got) == 2


async def test_metadata_over_the_limit_is_refused_and_the_next_call_works(host):
    async with doors(host) as both:
        answer = await both.call(Signal.TRACES, SPANS, metadata=(("x-long", "x" * 200_000),))
        assert answer.code is not grpc.StatusCode.OK
        await still_works(both)
    assert len(both.sink.got) == 2


async def test_an_error_with_a_very_long_text_is_still_an_answer(host):
    """Clients take 8 KiB of trailers by default; over that they make another, final error of it."""
    async with doors(host) as both:
        both.sink.answers += [Refused("€" * 100_000, retry_after=2), BadData("x" * 100_000)]
        answer = await both.call(Signal.TRACES, SPANS)
        assert (answer.code, answer.retry_infos) == (grpc.StatusCode.UNAVAILABLE, [2, 2])
        assert (await both.call(Signal.TRACES, SPANS)).code is grpc.StatusCode.INVALID_ARGUMENT


def pings(number: int) -> bytes:
    """HTTP/2 (RFC 9113): the preface, empty SETTINGS, then so many PINGs."""
    frames = b"".join(b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + struct.pack(">Q", one) for one in range(number))
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00" + frames


@pytest.mark.parametrize(("interval", "borne"), [("0s", True), ("10s", False)])
async def test_keepalive_pings_without_calls_are_borne_at_the_interval_that_is_set(host, interval, borne):
    receiver = build(otlp_grpc.FACTORY, endpoint="127.0.0.1:0", min_ping_interval=interval)
    await receiver.start(host)
    await receiver.serve({})
    async with connection(receiver.address) as (reader, writer):
        writer.write(pings(20))
        got = b""
        last = b"\x00\x00\x08\x06\x01\x00\x00\x00\x00" + struct.pack(">Q", 19)
        while last not in got and b"too_many_pings" not in got:
            piece = await asyncio.wait_for(reader.read(65536), 10)
            assert piece, got
            got += piece
    assert (b"too_many_pings" not in got) is borne
    await receiver.stop()


def rare() -> bytes:
    """A request with everything that a careless relay loses."""
    deep = AnyValue(string_value="bottom")
    for _ in range(20):
        deep = AnyValue(array_value=ArrayValue(values=[deep, AnyValue()]))
    request = ExportTraceServiceRequest()
    outer = request.resource_spans.add(schema_url="https://opentelemetry.io/schemas/1.30.0")
    outer.resource.dropped_attributes_count = 7
    inner = outer.scope_spans.add(schema_url="https://example.org/1")
    inner.scope.dropped_attributes_count = 2**32 - 1
    made = inner.spans.add(
        trace_state="a=1,b=2", flags=0xFFFFFFFF, kind=99, dropped_attributes_count=1, dropped_events_count=2,
        dropped_links_count=3,
    )  # fmt: skip
    made.links.add(trace_state="c=3", flags=0x80000300, dropped_attributes_count=4)
    for value in (
        AnyValue(), AnyValue(bytes_value=b"\x00\xff"), AnyValue(string_value=""), AnyValue(bool_value=False), deep,
        AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="", value=AnyValue())] * 2)),
        AnyValue(double_value=-0.0),
    ):  # fmt: skip
        made.attributes.add(key="same", value=value)
    unknown = b"\xfa\x7f\x03new" + b"\xc1\x3e" + bytes(8) + b"\xc0\x3e\x01"  # length-delimited, fixed64, varint
    return request.SerializeToString() + unknown


async def test_what_is_rare_passes_byte_for_byte(host):
    async with doors(host) as both:
        assert (await both.call(Signal.TRACES, rare())).code is grpc.StatusCode.OK
        assert (await both.call(Signal.TRACES, rare(), compression=grpc.Compression.Gzip)).code is grpc.StatusCode.OK
        assert (await both.post(Signal.TRACES, rare())).status_code == 200
        zipped = gzip.compress(rare())
        assert (await both.post(Signal.TRACES, zipped, content_encoding="gzip")).status_code == 200
    assert [payload.data for payload in both.sink.got] == [rare()] * 4


async def test_broken_framing_is_told_in_words_that_a_stranger_understands(host):
    async with doors(host) as both:
        message = Status.FromString((await both.post(Signal.TRACES, b"\x0a\xff")).content).message
    assert message == "not a valid export request of traces: a tag or a length in the protobuf is wrong"


@pytest.mark.parametrize("module", [otlp_grpc, otlp_http])
async def test_a_name_that_nobody_knows_is_an_error_that_says_so(host, module):
    receiver = build(module.FACTORY, endpoint="no-such-host.invalid:0")
    await receiver.start(host)
    with pytest.raises(OSError, match=r"cannot listen on no-such-host\.invalid:0: .+"):
        await receiver.serve({})
    await receiver.stop()


@pytest.mark.parametrize("module", [otlp_grpc, otlp_http])
def test_doors_open_on_loopback_unless_told_otherwise(module):
    assert module.FACTORY.settings().endpoint.startswith("127.0.0.1:")

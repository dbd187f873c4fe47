"""Clients that break rules, are slow, or go away: the doors bear them, and others do not notice."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import struct
import time
from collections.abc import AsyncIterator

import grpc
import pytest
from doors import JSON, Doors, doors
from google.rpc.status_pb2 import Status
from next_hop import soon
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from otlp_samples import build, span, spans

from otel_insights.component import Accepted
from otel_insights.embedded_http import EmbeddedHttp
from otel_insights.errors import BadData, Refused
from otel_insights.payload import Signal
from otel_insights.receivers import otlp_grpc, otlp_http

SPANS = spans(span(1)).data
LINE = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\n"
HEAD = LINE + b"Content-Type: application/x-protobuf\r\n"


@contextlib.asynccontextmanager
async def connection(address: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def until_closed(reader: asyncio.StreamReader) -> bytes:
    """Read what still comes; a reset is an end as well."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while piece := await asyncio.wait_for(reader.read(65536), 10):
            got += piece
    return got


async def pour(writer: asyncio.StreamWriter, piece: bytes, most: int) -> int:
    """Send until the other side has had enough; how much it took."""
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < most:
            writer.write(piece)
            await writer.drain()
            sent += len(piece)
    return sent


async def still_works(both: Doors) -> None:
    assert (await both.post(Signal.TRACES, SPANS)).status_code == 200
    assert (await both.call(Signal.TRACES, SPANS)).code is grpc.StatusCode.OK


@pytest.mark.parametrize("piece", [b"x" * 8192, b"a: b\r\n" * 1000], ids=["one header", "many headers"])
async def test_headers_without_end_are_refused_with_431(host, piece):
    async with doors(host) as both, connection(both.http_receiver.address) as (reader, writer):
        writer.write(LINE + b"X-Long: ")
        sent = await pour(writer, piece, 64 * 2**20)
        answer = await until_closed(reader)
        assert sent < 64 * 2**20
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")  # a reset may overtake the answer
        await still_works(both)


async def test_the_answer_to_headers_over_the_limit_is_431(host):
    async with doors(host) as both, connection(both.http_receiver.address) as (reader, writer):
        writer.write(LINE + b"X-Long: " + b"x" * (64 * 2**10))
        assert (await until_closed(reader)).startswith(b"HTTP/1.1 431 ")


async def test_trailers_without_end_are_cut_off(host):
    """RFC 9112, section 7.1.2: a chunked body may have trailers, and the parser would collect them for ever."""
    async with doors(host) as both, connection(both.http_receiver.address) as (reader, writer):
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: ")
        assert await pour(writer, b"x" * 8192, 64 * 2**20) < 64 * 2**20
        await until_closed(reader)
        await still_works(both)


async def test_a_chunked_body_in_tiny_chunks_is_a_request_like_any_other(host):
    async with doors(host) as both, connection(both.http_receiver.address) as (reader, writer):
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for position in range(len(SPANS)):
            writer.write(b"1\r\n" + SPANS[position : position + 1] + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    assert [payload.data for payload in both.sink.got] == [SPANS]


@pytest.mark.parametrize("said", [b"", LINE, HEAD + b"Content-Length: 9\r\n\r\n123"], ids=["nothing", "head", "body"])
async def test_who_does_not_finish_in_time_is_cut_off(said):
    async def waits(_scope, receive, _send):
        while (await receive())["type"] != "http.disconnect":
            pass

    server = EmbeddedHttp(waits, "127.0.0.1", 0, read_timeout=0.1)
    await server.start()
    async with connection(f"127.0.0.1:{server.port}") as (reader, writer):
        writer.write(said)
        assert await until_closed(reader) == b""
    await server.stop()


async def test_an_answer_may_take_longer_than_the_request():
    async def slow(_scope, receive, send):
        await receive()
        with pytest.raises(asyncio.TimeoutError):  # what comes next could only be a disconnect
            await asyncio.wait_for(receive(), 0.2)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    server = EmbeddedHttp(slow, "127.0.0.1", 0, read_timeout=0.05)
    await server.start()
    async with connection(f"127.0.0.1:{server.port}") as (reader, writer):
        writer.write(LINE + b"Content-Length: 0\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 204 ")
    await server.stop()


async def test_an_offer_to_upgrade_is_passed_over(host):
    """RFC 9110, section 7.8: a server may ignore it. Java's client offers h2c with its first request."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    size = b"Content-Length: %d\r\n" % len(SPANS)
    async with doors(host) as both, connection(both.http_receiver.address) as (reader, writer):
        for headers in (offer + size, size, size + offer):
            writer.write(HEAD + headers + b"\r\n" + SPANS[:9])
            await writer.drain()
            writer.write(SPANS[9:])
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            assert head.startswith(b"HTTP/1.1 200 ")
            assert b"content-length: 0\r\n" in head
    assert [payload.data for payload in both.sink.got] == [SPANS] * 3


async def test_who_asks_before_sending_a_body_is_told_to_go_on_or_not_to(host):
    """RFC 9110, section 10.1.1: curl asks so before large bodies."""
    async with doors(host, max_message_bytes=1000) as both:
        for size, expected in ((len(SPANS), b"HTTP/1.1 100 "), (1001, b"HTTP/1.1 413 ")):
            async with connection(both.http_receiver.address) as (reader, writer):
                writer.write(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % size)
                assert (await asyncio.wait_for(reader.readline(), 10)).startswith(expected)
                if size == len(SPANS):
                    writer.write(SPANS)
                    await reader.readline()
                    assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 200 ")
    assert [payload.data for payload in both.sink.got] == [SPANS]


async def test_a_door_is_no_proxy(host):
    async with doors(host) as both, connection(both.http_receiver.address) as (reader, writer):
        writer.write(b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await until_closed(reader)).startswith(b"HTTP/1.1 400 ")


async def test_requests_may_follow_each_other_before_the_answers(host):
    """RFC 9112, section 9.3.2: pipelining; answers come in the order of the requests."""
    request = HEAD + b"Content-Length: %d\r\n\r\n" % len(SPANS) + SPANS
    async with doors(host) as both, connection(both.http_receiver.address) as (reader, writer):
        both.sink.answers += [Accepted(), BadData("no"), Accepted()]
        writer.write(request * 3)
        for status in (b"200", b"400", b"200"):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            assert head.split(b" ")[1] == status
            length = head.partition(b"content-length: ")[2].split(b"\r\n")[0]
            await reader.readexactly(int(length))


async def test_many_slow_clients_hold_nobody_up(host):
    async with doors(host) as both, contextlib.AsyncExitStack() as stack:
        for number in range(100):
            _, writer = await stack.enter_async_context(connection(both.http_receiver.address))
            writer.write((LINE, HEAD + b"Content-Length: 99\r\n\r\n1", b"P")[number % 3])
        begun = time.monotonic()
        await still_works(both)
        assert time.monotonic() - begun < 5


async def test_what_is_no_http_is_refused_and_not_logged(host, caplog):
    async with doors(host) as both, connection(both.http_receiver.address) as (reader, writer):
        writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # TLS at a plain door
        assert (await until_closed(reader)).startswith(b"HTTP/1.1 400 ")
        await still_works(both)
    assert caplog.text == ""


async def test_the_size_that_is_told_is_believed_before_the_body_comes(host):
    async with doors(host, max_message_bytes=1000) as both, connection(both.http_receiver.address) as (reader, writer):
        writer.write(HEAD + b"Content-Length: 1001\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")


async def test_a_body_that_does_not_tell_its_size_is_not_read_past_the_limit(host):
    async with doors(host, max_message_bytes=1000) as both, connection(both.http_receiver.address) as (reader, writer):
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + bytes(1001))
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")


async def test_a_client_that_leaves_in_the_middle_is_no_error(host, caplog):
    async with doors(host) as both:
        async with connection(both.http_receiver.address) as (_, writer):
            writer.write(HEAD + b"Content-Length: 99\r\n\r\n1")
            await writer.drain()
        await still_works(both)
    assert len(both.sink.got) == 2
    assert caplog.text == ""


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

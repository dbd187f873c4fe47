"""HTTP as slow, odd and hostile clients speak it: the door bears them, and others do not notice."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest
from doors import doors
from raw_connection import HEAD, LINE, SPANS, connection, pour, still_works, until_closed

from otel_insights.component import Accepted
from otel_insights.embedded_http import EmbeddedHttp
from otel_insights.errors import BadData


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

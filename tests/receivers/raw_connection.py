"""Bytes over a plain connection, for clients that no library would be."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import grpc
from doors import Doors
from otlp_samples import span, spans

from otel_insights.payload import Signal

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

"""The far end: a process that takes every request over gRPC or HTTP, counts its bytes and forgets it.

`python -m benchmarks.sink GRPC_PORT HTTP_PORT`.
"""

import asyncio
import sys

import grpc

from otel_insights.payload import Signal

RECEIVED = "/benchmarks.Sink/Received"
"""Tells how many bytes of requests have come, in decimal."""
_OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0))


class Sink:
    """Counts what comes."""

    def __init__(self) -> None:
        self.received = 0

    async def take(self, request: bytes, _context: grpc.aio.ServicerContext) -> bytes:
        """Take an OTLP request."""
        self.received += len(request)
        return b""

    async def tell(self, _request: bytes, _context: grpc.aio.ServicerContext) -> bytes:
        """Answer RECEIVED."""
        return str(self.received).encode()

    async def http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of HTTP/1.1 whose requests have a Content-Length or come in chunks."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                if b"content-length: " in head:
                    length = int(head.partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
                    self.received += len(await reader.readexactly(length))
                else:
                    while size := int(await reader.readline(), 16):
                        self.received += len(await reader.readexactly(size))
                        await reader.readexactly(2)
                    await reader.readline()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def main(grpc_port: int, http_port: int) -> None:
    """Serve until killed."""
    sink, server = Sink(), grpc.aio.server(options=_OPTIONS)
    methods = {signal.grpc_method: sink.take for signal in Signal} | {RECEIVED: sink.tell}
    for path, handle in methods.items():
        service, method = path.removeprefix("/").split("/")
        handlers = {method: grpc.unary_unary_rpc_method_handler(handle)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_insecure_port(f"127.0.0.1:{grpc_port}")
    await server.start()
    async with await asyncio.start_server(sink.http, "127.0.0.1", http_port, limit=1 << 20):
        await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))

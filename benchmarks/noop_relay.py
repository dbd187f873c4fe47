"""The yardstick: a process that relays raw OTLP bytes over gRPC and looks at nothing.

`python -m benchmarks.noop_relay PORT NEXT [gzip]`. The cheapest sensible relay in Python: `grpc.aio` on both sides
without (de)serializers, one handler that awaits the next hop and returns its answer. With `gzip`, grpcio compresses
what goes out; what comes in compressed, grpcio decompresses by itself.
"""

import asyncio
import sys

import grpc

from otel_insights.payload import Signal

_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
    ("grpc.use_local_subchannel_pool", 1),
)


async def main(port: int, next_hop: int, *, gzip: bool) -> None:
    """Relay until killed."""
    compression = grpc.Compression.Gzip if gzip else grpc.Compression.NoCompression
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{next_hop}", options=_OPTIONS, compression=compression)
    server = grpc.aio.server(options=_OPTIONS)
    for signal in Signal:
        forward = channel.unary_unary(signal.grpc_method)

        async def relay(request, _context, forward=forward):
            return await forward(request)

        service, method = signal.grpc_method.removeprefix("/").split("/")
        handlers = {method: grpc.unary_unary_rpc_method_handler(relay)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), gzip="gzip" in sys.argv[3:]))

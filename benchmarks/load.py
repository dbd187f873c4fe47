"""Sends requests, several at once, and tells what CPU time that cost the server."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import grpc
import numpy as np

from benchmarks.servers import Server
from benchmarks.telemetry import Request

_CHANNELS = 2
_IN_FLIGHT = 4
_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
)
_QUIET_SECONDS = 0.4
_LONGEST_WAIT = 15.0


@dataclass(frozen=True, slots=True)
class Load:
    """A request that is sent again and again, with new ids each time if `fresh`, until so many items were sent."""

    request: Request
    items: int
    fresh: bool = True
    gzip: bool = False

    @property
    def requests(self) -> int:
        """How often it is sent."""
        return max(_IN_FLIGHT, self.items // self.request.items)


def cpu_per_item(server: Server, load: Load, *, settle: bool = False) -> float:
    """Send a load, and return the seconds of CPU time that one span, log record or data point cost the server.

    With `settle`, for servers that answer before they send on, what they do afterwards is waited for and counted.
    """
    before = server.cpu()
    asyncio.run(_send(server.port, load, np.random.default_rng(time.time_ns())))
    if settle:
        _wait_until_quiet(server.cpu)
    return (server.cpu() - before) / (load.requests * load.request.items)


def warm_up(server: Server, load: Load) -> None:
    """Send a few requests, so that connections stand and caches are filled."""
    few = Load(load.request, min(load.items, 8 * _IN_FLIGHT * load.request.items) // 4, load.fresh, load.gzip)
    asyncio.run(_send(server.port, few, np.random.default_rng(time.time_ns())))


async def keep_sending(port: int, load: Load, until: Callable[[], bool]) -> None:
    """Keep two requests of a load under way until told to end."""
    rng = np.random.default_rng(time.time_ns())

    async def send_some(channel: grpc.aio.Channel) -> None:
        call = channel.unary_unary(load.request.signal.grpc_method)
        while not until():
            await call(load.request.fresh(rng), timeout=60)

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=_OPTIONS) as channel:
        await asyncio.gather(*(send_some(channel) for _ in range(2)))


async def _send(port: int, load: Load, rng: np.random.Generator) -> None:
    compression = grpc.Compression.Gzip if load.gzip else grpc.Compression.NoCompression
    channels = [grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=_OPTIONS) for _ in range(_CHANNELS)]
    left = itertools.repeat(None, load.requests)

    async def send_some(channel: grpc.aio.Channel) -> None:
        call = channel.unary_unary(load.request.signal.grpc_method)
        for _ in left:
            data = load.request.fresh(rng) if load.fresh else load.request.data
            await call(data, timeout=60, compression=compression)

    try:
        await asyncio.gather(*(send_some(channels[number % _CHANNELS]) for number in range(_IN_FLIGHT)))
    finally:
        for channel in channels:
            await channel.close()


def _wait_until_quiet(cpu: Callable[[], float]) -> None:
    end, before = time.monotonic() + _LONGEST_WAIT, cpu()
    while time.monotonic() < end:
        time.sleep(_QUIET_SECONDS)
        now = cpu()
        if now - before < 0.03:
            return
        before = now

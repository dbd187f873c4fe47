"""Access to the store from outside of the service, which may be running: one transaction at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from otel_insights.store.database import Store
from otel_insights.store.engine import Database
from otel_insights.store.existing import expect

T = TypeVar("T")


def transact(url: str, work: Callable[[Database, int], T]) -> T:
    """Run `work` on a store that exists, with the time now, and return its result once that is committed.

    What it raises is raised here, and of its changes nothing stays. Raises ConfigError where there is no such store,
    and Refused where it cannot be written.
    """
    return asyncio.run(_transact(url, work))


async def _transact(url: str, work: Callable[[Database, int], T]) -> T:
    async with opened(url) as store:
        return await store.write(work, time.time_ns())


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """Open a store that exists, for several transactions. Raises ConfigError where there is no such store."""
    expect(url)
    store = Store.open(url)
    try:
        yield store
    finally:
        await store.close()

"""The API over a running service: through its app, or through a real socket."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import stores

from otel_insights.api import create_app
from otel_insights.components import available
from otel_insights.config import read
from otel_insights.run import Running
from otel_insights.service import Service

T = TypeVar("T")
CONFIG = """
receivers: {{otlp_http: {{endpoint: "127.0.0.1:0"}}}}
processors: {{environments: , anomalies: , exceptions: , logs: , runs: , suggestions: }}
store: {{url: "{store}"}}
api: {api}
analysis: {{interval: 1h}}
service:
  pipelines:
    traces: {{receivers: [otlp_http], processors: [environments, exceptions, suggestions]}}
    logs: {{receivers: [otlp_http], processors: [environments, exceptions, logs, runs, suggestions]}}
    metrics: {{receivers: [otlp_http], processors: [environments, anomalies]}}
"""


@asynccontextmanager
async def client_of(service: Service, **options) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(service), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://insights", **options) as made:
        yield made


@asynccontextmanager
async def running(api: str = "{}", store: str = "", more: str = "") -> AsyncIterator[Service]:
    service = Service(read(CONFIG.format(api=api, store=store or stores.fresh()) + more, available(), {}), available())
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


@dataclass(frozen=True)
class Listening:
    """A service on an event loop in a thread of its own, with its API on a port."""

    running: Running
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return self.running.api_url or ""

    @property
    def service(self) -> Service:
        return self.running.service

    def there(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the service's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)


@contextmanager
def listening(api: str = "{endpoint: '127.0.0.1:0'}", store: str = "") -> Iterator[Listening]:
    """Run the service with its API; for clients that block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="api under test")
    thread.start()
    try:
        config = read(CONFIG.format(api=api, store=store or stores.fresh()), available(), {})
        started = Running.start(config, available())
        made = Listening(asyncio.run_coroutine_threadsafe(started, loop).result(30), loop)
        yield made
        made.there(made.running.stop())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()

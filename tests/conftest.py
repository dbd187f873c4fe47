"""What tests of many rooms share."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from otlp_samples import FakeHost

from otel_insights.worker import Worker


@pytest.fixture(scope="session")
def worker() -> Iterator[Worker]:
    """One real worker process for all tests: it takes a second to begin, and keeps nothing between tasks."""
    made = Worker()
    yield made
    asyncio.run(made.close())


@pytest.fixture
async def host(worker: Worker) -> AsyncIterator[FakeHost]:
    made = FakeHost(worker=worker)
    yield made
    await made.store.close()

"""What tests of many rooms share."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

import hypothesis
import pytest
from otlp_samples import FakeHost

from otel_insights.worker import Worker

# no example is failed for being slow: machines are shared; continuous integration tries the same ones every time
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")


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

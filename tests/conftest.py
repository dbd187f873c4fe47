"""What tests of many rooms share."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import hypothesis
import pytest
import stores
from otlp_samples import FakeHost

from otel_insights.worker import Worker

# no example is failed for being slow: machines are shared; continuous integration tries the same ones every time
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")


_until_the_end = ExitStack()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--store", choices=("sqlite", "postgresql"), default="sqlite", help="what stores are kept in")


def pytest_configure(config: pytest.Config) -> None:
    stores.begin(config.getoption("--store"), _until_the_end)


def pytest_unconfigure() -> None:
    _until_the_end.close()


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

"""A running service, and a client of its API that may ask as often as it likes."""

import asyncio
import shutil

import pytest
from api.seeding import seed
from api.serving import client_of, running


@pytest.fixture
async def service():
    async with running("{requests_per_second: 0}") as made:
        yield made


@pytest.fixture
async def client(service):
    async with client_of(service) as made:
        yield made


@pytest.fixture(scope="session")
def seeded_store(tmp_path_factory):
    """A store in which the pages have something to show; analysed once, and copied for each test that changes it."""
    path = tmp_path_factory.mktemp("seeded") / "insights.db"

    async def fill() -> None:
        async with running(store=f"sqlite:///{path}") as service:
            await seed(service)

    asyncio.run(fill())
    return path


@pytest.fixture
def copied_store(seeded_store, tmp_path) -> str:
    shutil.copy(seeded_store, tmp_path / "insights.db")
    return f"sqlite:///{tmp_path}/insights.db"


@pytest.fixture
async def shop(copied_store):
    """A service on a copy of that store."""
    async with running("{requests_per_second: 0}", copied_store) as made:
        yield made


@pytest.fixture
async def visitor(shop):
    """A client of that service."""
    async with client_of(shop) as made:
        yield made

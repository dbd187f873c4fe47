"""A running service, and a client of its API that may ask as often as it likes."""

import pytest
from api.serving import client_of, running


@pytest.fixture
async def service():
    async with running("{requests_per_second: 0}") as made:
        yield made


@pytest.fixture
async def client(service):
    async with client_of(service) as made:
        yield made

"""A store on a real PostgreSQL: whole or not at all, of many processes, and there again after the server was away."""

import asyncio

import pytest
from postgres_server import programs, server

from otel_insights.errors import ConfigError, Refused
from otel_insights.store import Store, settings

pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not on this machine")


@pytest.fixture(scope="module")
def running():
    with server() as made:
        yield made


def add(db, fail: bool = False) -> int:
    number = int(settings.get(db, "n") or 0) + 1
    settings.put(db, "n", str(number))
    if fail:
        raise LookupError(number)
    return number


async def test_two_stores_on_one_database_count_together_and_forget_what_failed(running):
    url = running.database()
    stores = [Store.open(url), Store.open(url)]
    done = await asyncio.gather(
        *(stores[n % 2].write(add, fail=n % 10 == 0) for n in range(100)), return_exceptions=True
    )
    assert sorted(one for one in done if isinstance(one, int)) == list(range(1, 91))
    assert await stores[0].read(settings.get, "n") == "90"
    for one in stores:
        await one.close()


async def test_a_server_that_was_away_is_found_again(running):
    store = Store.open(running.database())
    assert await store.write(add) == 1
    running.stop()
    with pytest.raises(Refused):
        await store.write(add)
    running.start()
    assert await store.write(add) == 2
    await store.close()


def test_a_database_that_is_not_there_is_named_without_its_password(running):
    with pytest.raises(ConfigError) as told:
        Store.open(running.url("nowhere").replace("insights@", "insights:hunter2@"))
    assert "nowhere" in str(told.value)
    assert "hunter2" not in str(told.value)

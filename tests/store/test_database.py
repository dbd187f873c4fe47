"""The store: committed when it says so, whole or not at all, and readable beside its writer."""

import asyncio
import sqlite3
import subprocess
import sys
import threading

import pytest

from otel_insights.errors import ConfigError
from otel_insights.store import Store
from otel_insights.store.migrations import MIGRATIONS


def put(db, name: str, *, fail: bool = False) -> str:
    db.execute("INSERT INTO setting VALUES (?, 'x')", [name])
    if fail:
        raise LookupError(name)
    return name


def names(db) -> list[str]:
    return [row["name"] for row in db.query("SELECT name FROM setting WHERE value = 'x' ORDER BY name")]


@pytest.fixture(params=["file", "memory"])
async def store(request, tmp_path):
    made = Store.open(f"sqlite:///{tmp_path}/deep/insights.db" if request.param == "file" else "sqlite://")
    yield made
    await made.close()


async def test_what_was_written_is_read(store):
    assert await store.write(put, "a") == "a"
    assert await store.read(names) == ["a"]


async def test_work_that_fails_leaves_nothing_and_takes_nothing_else_with_it(store):
    results = await asyncio.gather(
        store.write(put, "a"), store.write(put, "b", fail=True), store.write(put, "c"), return_exceptions=True
    )
    assert results[0] == "a"
    assert isinstance(results[1], LookupError)
    assert results[2] == "c"
    assert await store.read(names) == ["a", "c"]


async def test_work_at_the_same_time_shares_transactions(store):
    await asyncio.gather(*(store.write(put, f"n{number:03d}") for number in range(600)))
    assert len(await store.read(names)) == 600


async def test_little_work_that_fails_leaves_nothing(store):
    assert await store.write_little(put, "a") == "a"
    with pytest.raises(LookupError):
        await store.write_little(put, "b", fail=True)
    assert await store.write_little(put, "c") == "c"
    assert await store.read(names) == ["a", "c"]


async def test_little_work_is_done_at_once_by_whoever_asks(store):
    threads = [await write(lambda db: threading.get_ident()) for write in (store.write_little, store.write)]
    assert threads[0] == threading.get_ident() != threads[1]


async def test_little_work_waits_elsewhere_while_another_process_writes(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path}/insights.db")
    other = sqlite3.connect(tmp_path / "insights.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(store.write_little(put, "a"))
    await store.read(names)
    assert not waiting.done()
    other.execute("ROLLBACK")
    other.close()
    assert await waiting == "a"
    await store.close()


async def test_the_log_does_not_grow_with_what_is_written(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path}/insights.db")
    many = [(f"n{number}", "y" * 500) for number in range(2000)]
    for write in (store.write_little, store.write) * 20:
        await write(lambda db: db.conn.executemany("INSERT OR REPLACE INTO setting VALUES (?, ?)", many))
    assert (tmp_path / "insights.db-wal").stat().st_size < 32 * 2**20
    await store.close()


@pytest.mark.parametrize("write", ["write", "write_little"])
async def test_committed_work_survives_a_process_that_is_killed(tmp_path, write):
    path = tmp_path / "insights.db"
    program = f"""
import asyncio, os, signal
from otel_insights.store import Store
async def main():
    store = Store.open("sqlite:///{path}")
    for number in range(50):
        await store.{write}(lambda db: db.execute("INSERT INTO setting VALUES (?, 'x')", [f"n{{number}}"]))
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], check=False)
    assert done.returncode == -9
    store = Store.open(f"sqlite:///{path}")
    assert len(await store.read(names)) == 50
    await store.close()


async def test_instance_id_is_kept(tmp_path):
    ids = []
    for _ in range(2):
        store = Store.open(f"sqlite:///{tmp_path}/insights.db")
        ids.append((store.instance_id, store.created_ns))
        await store.close()
    assert ids[0] == ids[1]


async def test_store_of_a_newer_version_is_refused_and_not_touched(tmp_path):
    path = tmp_path / "insights.db"
    await Store.open(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO migration VALUES ('9999 from the future')")
    connection.close()
    with pytest.raises(ConfigError, match=r"^store\.url: .*9999 from the future"):
        Store.open(f"sqlite:///{path}")


@pytest.mark.parametrize("url", ["postgresql://here/db", "sqlite://file.db", "insights.db"])
def test_url_that_is_none_of_ours_is_refused_with_what_was_expected(url):
    with pytest.raises(ConfigError, match=r"^store\.url: expected"):
        Store.open(url)


def test_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "insights.db"
    path.write_text("no database at all, but long enough to look at " * 100)
    with pytest.raises(ConfigError, match=r"^store\.url: expected a file that can be opened"):
        Store.open(f"sqlite:///{path}")


def test_migrations_are_in_order_and_numbered():
    numbers = [int(name.split()[0]) for name, _ in MIGRATIONS]
    assert numbers == list(range(1, len(numbers) + 1))

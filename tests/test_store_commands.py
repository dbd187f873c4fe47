"""`backup` and `db`: beside a service that goes on writing, and on files that are not what they should be."""

import json
import sqlite3

import pytest
from otlp_samples import FakeHost, Sink, build, charge, passing, raised, span, spans
from typer.testing import CliRunner

from otel_insights.cli import app
from otel_insights.processors.exceptions import FACTORY
from otel_insights.store import Store
from otel_insights.store.migrations import MIGRATIONS


def cli(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
async def host(worker, tmp_path):
    made = FakeHost(worker=worker, store=Store.open(f"sqlite:///{tmp_path}/insights.db"))
    exceptions = build(FACTORY)
    await exceptions.start(made)
    await passing([exceptions], spans(span(1, raised(charge, 5)), span(2, raised(charge, 6))), Sink())
    yield made
    await made.store.close()


@pytest.fixture
def store(host, tmp_path) -> str:
    return f"sqlite:///{tmp_path}/insights.db"


def occurrences(file) -> int:
    connection = sqlite3.connect(file)
    try:
        return connection.execute("SELECT count(*) FROM occurrence").fetchone()[0]
    finally:
        connection.close()


def test_a_backup_of_a_store_in_use_holds_what_is_committed(store, tmp_path):
    said = cli("backup", tmp_path / "copy.db", "--store", store)
    assert "checked" in said
    assert occurrences(tmp_path / "copy.db") == 2
    assert (tmp_path / "copy.db").stat().st_mode & 0o077 == 0
    assert "sound" in cli("db", "check", "--store", f"sqlite:///{tmp_path}/copy.db")


def test_a_backup_overwrites_nothing(store, tmp_path):
    (tmp_path / "copy.db").write_text("precious")
    assert "exists" in cli("backup", tmp_path / "copy.db", "--store", store, code=1)
    assert (tmp_path / "copy.db").read_text() == "precious"


def test_a_backup_without_a_name_is_named_after_the_time(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cli("backup", "--store", store)
    (copy,) = tmp_path.glob("insights-*Z.db")
    assert occurrences(copy) == 2


def test_a_check_tells_what_is_in_a_store(store):
    found = json.loads(cli("db", "check", "--store", store, "--json"))
    assert found["sound"]
    assert found["rows"]["occurrence"] == 2
    assert (found["pending_migrations"], found["unknown_migrations"], found["dangling"]) == ([], [], 0)
    assert "2  occurrence" in cli("db", "check", "--store", store)


def test_a_check_finds_a_damaged_file_not_sound(store, tmp_path):
    cli("backup", tmp_path / "copy.db", "--store", store)
    with (tmp_path / "copy.db").open("r+b") as file:
        file.seek(8 * 4096)
        file.write(b"\xff" * 4096 * 4)
    said = CliRunner().invoke(app, ["db", "check", "--store", f"sqlite:///{tmp_path}/copy.db"])
    assert said.exit_code in (1, 2)
    assert "not sound" in said.output or "malformed" in said.output


def old(file) -> str:
    """Make a store of the first version."""
    name, script = MIGRATIONS[0]
    connection = sqlite3.connect(file)
    connection.executescript(f"CREATE TABLE migration (name TEXT PRIMARY KEY) WITHOUT ROWID;{script}")
    connection.execute("INSERT INTO migration VALUES (?)", [name])
    connection.commit()
    connection.close()
    return f"sqlite:///{file}"


def test_an_older_store_is_brought_up_once(tmp_path):
    store = old(tmp_path / "old.db")
    assert MIGRATIONS[1][0] in cli("db", "check", "--store", store)
    assert cli("db", "migrate", "--store", store).splitlines() == [name for name, _ in MIGRATIONS[1:]]
    assert cli("db", "migrate", "--store", store) == "nothing to do\n"


def test_a_newer_store_is_left_alone(tmp_path):
    store = old(tmp_path / "new.db")
    cli("db", "migrate", "--store", store)
    connection = sqlite3.connect(tmp_path / "new.db")
    connection.execute("INSERT INTO migration VALUES ('9999 of the future')")
    connection.commit()
    connection.close()
    assert "of a newer version: 9999 of the future" in cli("db", "check", "--store", store, code=1)
    assert "another version" in cli("db", "migrate", "--store", store, code=2)


def test_the_room_of_what_was_dropped_is_given_back(tmp_path):
    store = old(tmp_path / "large.db")
    connection = sqlite3.connect(tmp_path / "large.db")
    connection.execute("INSERT INTO configuration VALUES ('x', zeroblob(5000000))")
    connection.commit()
    connection.execute("DELETE FROM configuration")
    connection.commit()
    connection.close()
    given_back = int(cli("db", "vacuum", "--store", store).split()[0])
    assert given_back > 4_900_000


@pytest.mark.parametrize("command", [["backup"], ["db", "check"], ["db", "migrate"], ["db", "vacuum"]])
def test_a_store_that_is_not_there_is_named(command, tmp_path):
    assert "no.db" in cli(*command, "--store", f"sqlite:///{tmp_path}/no.db", code=2)
    (tmp_path / "text.db").write_text("no database, though long enough to be looked at" * 100)
    if command != ["backup"]:
        assert "text.db" in cli(*command, "--store", f"sqlite:///{tmp_path}/text.db", code=2)

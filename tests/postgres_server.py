"""A PostgreSQL for tests: a server of their own, in a folder of their own, with a database for each store."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg

from otel_insights.store import Store

_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}
"""What a test does not need: it loses its machine together with its data."""


def programs() -> Path | None:
    """Find where Debian and others put the server's programs; None where there are none."""
    found = shutil.which("initdb") or next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))[-1:]), None)
    return Path(found).resolve().parent if found else None


@dataclass
class Server:
    """A running server, reached through a socket in its folder."""

    folder: Path
    bin: Path
    _numbers: Iterator[int] = field(default_factory=count)
    _template: str = ""

    def url(self, database: str) -> str:
        return f"postgresql://insights@/{database}?host={self.folder}"

    def database(self) -> str:
        """Make an empty database; gives its URL."""
        return self._create(f"store_{next(self._numbers)}", "template1")

    def store(self) -> str:
        """Make a database that has our schema, quickly; gives its URL."""
        if not self._template:
            url = self.database()
            store = Store.open(url)
            store._engine.close()
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("DELETE FROM otel_insights.setting WHERE name <> 'indexed'")
            self._template = url.partition("@/")[2].partition("?")[0]
        return self._create(f"store_{next(self._numbers)}", self._template)

    def _create(self, name: str, template: str) -> str:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def stop(self, mode: str = "fast") -> None:
        self._control("stop", "-m", mode)

    def start(self) -> None:
        options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        self._control("start", "-l", str(self.folder / "log"), "-o", f"-k {self.folder} -h '' {options}")

    def _control(self, *arguments: str) -> None:
        _run([self.bin / "pg_ctl", "-D", self.folder / "data", "-w", *arguments])


@contextmanager
def server() -> Iterator[Server]:
    """Run a server, as somebody else where we are root, since it refuses to be."""
    found = programs()
    assert found is not None
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    if os.geteuid() == 0:
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
    _run([found / "initdb", "-D", folder / "data", "-U", "insights", "-A", "trust", "-E", "UTF8", "--no-sync"])
    made = Server(folder, found)
    made.start()
    try:
        yield made
    finally:
        made.stop("immediate")
        shutil.rmtree(folder)


def _run(command: list[str | Path]) -> None:
    user = "postgres" if os.geteuid() == 0 else None
    done = subprocess.run(
        list(map(str, command)), user=user, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert done.returncode == 0, done.stdout.decode()

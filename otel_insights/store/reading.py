"""A store seen by a command: read only, on what is committed, beside a service that may be writing it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from sqlite_utils import Database

from otel_insights.errors import ConfigError
from otel_insights.store.database import path_of
from otel_insights.store.migrations import MIGRATIONS


@contextmanager
def reading(url: str) -> Iterator[Database]:
    """Open a store's file for a look. All that is read within is of one moment.

    Raises ConfigError where there is no such file, or none of this version's stores.
    """
    path = path_of(url)
    if path is None:
        raise ConfigError(
            "store.url", f"expected sqlite:///FILE, since a store in memory is its service's own: {url!r}"
        )
    if not path.exists():
        raise ConfigError("store.url", f"expected the file of a store, there is no {path}")
    try:
        connection = sqlite3.connect(path.absolute().as_uri() + "?mode=ro", uri=True, isolation_level=None, timeout=10)
        with closing(connection):
            db = Database(connection)
            db.execute("BEGIN")
            _expect_this_version(db, str(path))
            yield db
    except sqlite3.Error as error:
        raise ConfigError("store.url", f"expected a file that can be read as a store, got {path} ({error})") from error


def _expect_this_version(db: Database, path: str) -> None:
    done = [row[0] for row in db.execute("SELECT name FROM migration ORDER BY name")]
    if done != [name for name, _ in MIGRATIONS]:
        raise ConfigError(
            "store.url", f"expected a store of this version, got {path}; `otel-insights run` brings it up"
        )

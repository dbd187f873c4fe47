"""A store seen by a command: read only, on what is committed, beside services that may be writing it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager

import sqlite_utils

from otel_insights.endpoint import without_password
from otel_insights.errors import ConfigError
from otel_insights.store.engine import Database
from otel_insights.store.existing import expect
from otel_insights.store.location import explaining, is_postgres, path_of
from otel_insights.store.migrations import MIGRATIONS, Migration


@contextmanager
def reading(url: str) -> Iterator[Database]:
    """Open a store for a look. All that is read within is of one moment.

    Raises ConfigError where there is no such store, or one of another version.
    """
    if is_postgres(url):
        with _reading_postgres(url) as there:
            yield there
        return
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
            db: Database = sqlite_utils.Database(connection)
            db.execute("BEGIN")
            _expect_this_version(db, str(path))
            yield db
    except sqlite3.Error as error:
        raise ConfigError("store.url", f"expected a file that can be read as a store, got {path} ({error})") from error


@contextmanager
def _reading_postgres(url: str) -> Iterator[Database]:
    expect(url)
    with explaining(url):
        from otel_insights.store.postgres_connection import PostgresDatabase, connect  # noqa: PLC0415 - an extra
        from otel_insights.store.postgres_schema import POSTGRES_MIGRATIONS  # noqa: PLC0415 - as above

        with connect(url) as connection:
            db = PostgresDatabase(connection)
            db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            _expect_this_version(db, without_password(url), POSTGRES_MIGRATIONS)
            yield db
            db.execute("COMMIT")


def _expect_this_version(db: Database, path: str, migrations: Iterable[Migration] = MIGRATIONS) -> None:
    done = [row[0] for row in db.execute("SELECT name FROM migration ORDER BY name")]
    if done != [name for name, _ in migrations]:
        raise ConfigError(
            "store.url", f"expected a store of this version, got {path}; `otel-insights run` brings it up"
        )

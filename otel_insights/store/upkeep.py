"""Looking after a store, beside a service that may be using it: copies, checks, schema, the room it takes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database

from otel_insights.errors import ConfigError
from otel_insights.store.condition import Condition
from otel_insights.store.existing import file_of
from otel_insights.store.location import explaining, is_postgres
from otel_insights.store.migrations import MIGRATIONS, migrate

_PATIENCE = 30
"""In seconds: how long a lock is waited for."""
_PAGES_AT_ONCE = 4096
"""16 MB between two moments in which a service may write."""


def check(url: str) -> Condition:
    """Read a whole store and say how it is. Raises ConfigError where there is none."""
    if is_postgres(url):
        with explaining(url):
            from otel_insights.store import postgres_upkeep  # noqa: PLC0415 - an extra of its own

            return postgres_upkeep.check(url)
    path = file_of(url)
    try:
        with closing(_opened(path, "ro")) as connection:
            return _condition(path, connection)
    except sqlite3.Error as error:
        raise ConfigError("store.url", f"expected a file that can be read as a store, got {path} ({error})") from error


def _condition(path: Path, connection: sqlite3.Connection) -> Condition:
    said = [row[0] for row in connection.execute("PRAGMA integrity_check(20)")]
    dangling = len(connection.execute("PRAGMA foreign_key_check").fetchall())
    done = [row[0] for row in connection.execute("SELECT name FROM migration ORDER BY name")]
    known = [name for name, _ in MIGRATIONS]
    pages, size, free = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size", "freelist_count")
    )
    return Condition(
        store=str(path),
        integrity=() if said == ["ok"] else tuple(said),
        dangling=dangling,
        pending=tuple(name for name in known if name not in done),
        unknown=tuple(name for name in done if name not in known),
        bytes=pages * size,
        free_bytes=free * size,
        rows=_rows(Database(connection)),
    )


def _rows(db: Database) -> dict[str, int]:
    return {name: db[name].count for name in sorted(db.table_names()) if not name.startswith("sqlite_")}


def backup(url: str, target: Path) -> int:
    """Copy a store as it is at one moment into a new file, and check the copy; returns its size in bytes.

    A service may go on writing meanwhile (https://www.sqlite.org/backup.html). Raises ConfigError where there is no
    store, FileExistsError where the target is there already, OSError where it cannot be written or is not whole.
    """
    if is_postgres(url):
        raise ConfigError("store.url", "expected sqlite:///FILE; `pg_dump --schema otel_insights` copies this store")
    path = file_of(url)
    target.touch(mode=0o600, exist_ok=False)
    try:
        with closing(_opened(path, "ro")) as source, closing(_opened(target, "rw")) as copy:
            source.backup(copy, pages=_PAGES_AT_ONCE, sleep=0.01)
            (said,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        target.unlink()
        raise OSError(5, f"the copy failed: {error}", str(target)) from error
    if said != "ok":
        target.unlink()
        raise OSError(5, f"the copy is not whole: {said}", str(target))
    return target.stat().st_size


def bring_up(url: str) -> tuple[str, ...]:
    """Bring a store's schema to this version; returns the migrations that ran.

    Raises ConfigError where there is no store, or one of a newer version.
    """
    if is_postgres(url):
        with explaining(url):
            from otel_insights.store import postgres_upkeep  # noqa: PLC0415 - an extra of its own

            return postgres_upkeep.bring_up(url)
    path = file_of(url)
    try:
        with closing(_opened(path, "rw")) as connection:
            pending = _condition(path, connection).pending
            migrate(Database(connection))
    except (sqlite3.Error, RuntimeError) as error:
        raise ConfigError("store.url", f"expected a store that can be brought up, got {path} ({error})") from error
    return pending


def vacuum(url: str) -> int:
    """Give free pages back to the file system; returns how many bytes. Needs as much room again while it runs.

    Raises ConfigError where there is no store, or where a service holds it for longer than half a minute.
    """
    if is_postgres(url):
        with explaining(url):
            from otel_insights.store import postgres_upkeep  # noqa: PLC0415 - an extra of its own

            return postgres_upkeep.vacuum(url)
    path = file_of(url)
    before = path.stat().st_size
    try:
        with closing(_opened(path, "rw")) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise ConfigError("store.url", f"expected a store that can be written, got {path} ({error})") from error
    return before - path.stat().st_size


def _opened(path: Path, mode: str) -> sqlite3.Connection:
    uri = path.absolute().as_uri() + f"?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_PATIENCE)

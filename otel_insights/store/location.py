"""Where a store is, as `store.url` names it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from otel_insights.endpoint import without_password
from otel_insights.errors import ConfigError

_POSTGRES: Final = ("postgresql://", "postgres://")
_EXPECTED: Final = "expected sqlite:///FILE, sqlite:// for a store in memory, or postgresql://USER@HOST/DATABASE"


def is_postgres(url: str) -> bool:
    """Tell whether a URL names a database of PostgreSQL's."""
    return url.startswith(_POSTGRES)


def path_of(url: str) -> Path | None:
    """Tell the file that a store's URL names, None for a store in memory. Raises ConfigError for any other URL.

    >>> path_of("sqlite:////var/lib/insights.db")
    PosixPath('/var/lib/insights.db')
    >>> path_of("sqlite://") is None
    True
    """
    if not url.startswith("sqlite://"):
        raise ConfigError("store.url", f"{_EXPECTED}, got {without_password(url)!r}")
    rest = unquote(url.removeprefix("sqlite://"))
    if rest in ("", "/", "/:memory:"):
        return None
    if not rest.startswith("/"):
        raise ConfigError("store.url", f"expected three slashes before the file, as in sqlite:///FILE, got {url!r}")
    return Path(rest[1:])


def check(url: str) -> None:
    """Raise ConfigError for a URL that names no store of either kind."""
    if not is_postgres(url):
        path_of(url)


@contextmanager
def explaining(url: str) -> Iterator[None]:
    """Tell in the words of a configuration what is wrong with a store on PostgreSQL: raises ConfigError."""
    try:
        import psycopg  # noqa: PLC0415 - an extra of its own
        import psycopg_pool  # noqa: F401, PLC0415 - as above
    except ImportError as error:
        raise ConfigError("store.url", "expected `pip install 'otel-insights[postgres]'` for PostgreSQL") from error
    try:
        yield
    except (psycopg.Error, RuntimeError) as error:
        raise ConfigError(
            "store.url", f"expected a database that serves as a store, got {without_password(url)!r} ({error})"
        ) from error

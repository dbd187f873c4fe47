"""Stores that are there already, for commands that must not make one."""

from __future__ import annotations

from pathlib import Path

from otel_insights.endpoint import without_password
from otel_insights.errors import ConfigError
from otel_insights.store.location import explaining, is_postgres, path_of


def file_of(url: str) -> Path:
    """Give the file of a store that exists. Raises ConfigError for any other URL."""
    path = path_of(url)
    if path is None or not path.exists():
        raise _missing(url)
    return path


def expect(url: str) -> None:
    """Raise ConfigError where there is no store."""
    if not is_postgres(url):
        file_of(url)
        return
    with explaining(url):
        from otel_insights.store.postgres_connection import connect  # noqa: PLC0415 - an extra of its own
        from otel_insights.store.postgres_schema import is_there  # noqa: PLC0415 - as above

        with connect(url) as connection:
            if not is_there(connection):
                raise _missing(url)


def _missing(url: str) -> ConfigError:
    known = without_password(url)
    return ConfigError(
        "store.url", f"expected a store that exists, as sqlite:///FILE or postgresql://..., got {known!r}"
    )

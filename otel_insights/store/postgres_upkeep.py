"""Looking after a store on PostgreSQL. What goes wrong is told by `location.explaining`, around these."""

from __future__ import annotations

from psycopg import sql

from otel_insights.endpoint import without_password
from otel_insights.store.condition import Condition
from otel_insights.store.existing import expect
from otel_insights.store.postgres_connection import SCHEMA, connect
from otel_insights.store.postgres_schema import POSTGRES_MIGRATIONS, migrate, pending


def check(url: str) -> Condition:
    """Look at a store. Raises ConfigError where there is none."""
    expect(url)
    with connect(url) as connection:
        done = [row[0] for row in connection.execute("SELECT name FROM migration ORDER BY name")]
        sizes = connection.execute(
            "SELECT tablename, pg_total_relation_size(format('%%I.%%I', schemaname, tablename)::regclass)"
            " FROM pg_tables WHERE schemaname = %s ORDER BY tablename",
            [SCHEMA],
        ).fetchall()
        rows = {
            name: connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))).fetchall()[0][0]
            for name, _ in sizes
        }
    known = [name for name, _ in POSTGRES_MIGRATIONS]
    return Condition(
        store=without_password(url),
        integrity=(),
        dangling=0,
        pending=tuple(name for name in known if name not in done),
        unknown=tuple(name for name in done if name not in known),
        bytes=sum(size for _, size in sizes),
        free_bytes=0,
        rows=rows,
    )


def bring_up(url: str) -> tuple[str, ...]:
    """Bring a schema to this version, or make it; returns the migrations that ran."""
    with connect(url) as connection:
        names = tuple(name for name, _ in pending(connection))
        migrate(connection)
    return names


def vacuum(url: str) -> int:
    """Give room back that autovacuum has left (VACUUM FULL, table by table); returns how many bytes.

    Whoever uses a table waits meanwhile. Raises ConfigError where there is no store.
    """
    before = check(url)
    with connect(url) as connection:
        for name in before.rows:
            connection.execute(sql.SQL("VACUUM FULL {}").format(sql.Identifier(name)))
    return before.bytes - check(url).bytes

"""A migration: runs are counted as they change, so that whoever asks for counts reads no runs."""

from __future__ import annotations

from typing import Final

_ITEMS: Final = ("discovered", "succeeded", "failed", "skipped")
_SUMS: Final = ("runs", *_ITEMS)


def count(row: str, sign: str) -> str:
    """Write what adds a row of `run` to the counts (`+`), or takes it away (`-`)."""
    values = ", ".join(f"{sign}coalesce({row}.items_{one}, 0)" for one in _ITEMS)
    sums = ", ".join(f"{one} = {{table}}.{one} + excluded.{one}" for one in _SUMS)
    of = f"agent_name = {row}.agent_name AND job_type = {row}.job_type AND status = {row}.status"
    emptied = f"DELETE FROM run_tally WHERE {of} AND runs <= 0;" if sign == "-" else ""  # noqa: S608 - names of our own
    return f"""
        INSERT INTO run_tally VALUES ({row}.agent_name, {row}.job_type, {row}.status, {sign}1, {values})
            ON CONFLICT (agent_name, job_type, status) DO UPDATE SET {sums.format(table="run_tally")};
        INSERT INTO run_total VALUES (0, {sign}1, {values})
            ON CONFLICT (id) DO UPDATE SET {sums.format(table="run_total")};
        {emptied}
    """  # noqa: S608 - names of our own


TALLIED: Final = ("agent_name", "job_type", "status", *(f"items_{one}" for one in _ITEMS))
"""The columns of `run` that counts go by."""
_CHANGED: Final = " OR ".join(f"old.{one} IS NOT new.{one}" for one in TALLIED)
_ALL: Final = ", ".join(f"coalesce(sum(items_{one}), 0)" for one in _ITEMS)
COLUMNS: Final = ", ".join(f"{one} INTEGER NOT NULL" for one in _SUMS)

RUN_TALLY: Final = (
    "0018 counts of runs",
    f"""
    CREATE TABLE run_tally (
        agent_name TEXT NOT NULL, job_type TEXT NOT NULL, status TEXT NOT NULL, {COLUMNS},
        PRIMARY KEY (agent_name, job_type, status)
    ) WITHOUT ROWID;
    CREATE INDEX run_tally_by_runs ON run_tally (runs);
    CREATE TABLE run_total (id INTEGER PRIMARY KEY, {COLUMNS});
    INSERT INTO run_tally SELECT agent_name, job_type, status, count(*), {_ALL} FROM run GROUP BY 1, 2, 3;
    INSERT INTO run_total SELECT 0, count(*), {_ALL} FROM run;
    CREATE TRIGGER run_is_counted AFTER INSERT ON run BEGIN {count("new", "+")} END;
    CREATE TRIGGER run_is_counted_no_more AFTER DELETE ON run BEGIN {count("old", "-")} END;
    CREATE TRIGGER run_is_counted_anew AFTER UPDATE ON run WHEN {_CHANGED} BEGIN
        {count("old", "-")} {count("new", "+")}
    END;
    """,  # noqa: S608 - names of our own
)

"""Summaries that a language model wrote, each under a hash of what was asked, and the tokens of each day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from otel_insights.store.engine import Database

_MOST: Final = 1000
"""That are kept."""
_DAY_NS: Final = 86_400 * 10**9
_DAYS: Final = 30
"""For which it is known what was spent."""


@dataclass(frozen=True, slots=True)
class Written:
    """A summary, of what it is, and who wrote it when (nanoseconds since the epoch)."""

    key: str
    subject: str
    model: str
    text: str
    created_ns: int


def get(db: Database, key: str) -> Written | None:
    """Find the answer to what was asked before."""
    row = db.execute(
        "SELECT key, subject, model, text, created_ns FROM written_summary WHERE key = ?", [key]
    ).fetchone()
    return Written(*row) if row else None


def latest(db: Database, subject: str) -> Written | None:
    """Find the latest summary of something, whatever was known of it then."""
    row = db.execute(
        "SELECT key, subject, model, text, created_ns FROM written_summary WHERE subject = ?"
        " ORDER BY created_ns DESC LIMIT 1",
        [subject],
    ).fetchone()
    return Written(*row) if row else None


def put(db: Database, one: Written) -> None:
    """Keep a summary; of more than a thousand the oldest go."""
    db.execute(
        "INSERT INTO written_summary (key, subject, model, text, created_ns) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key)"
        " DO UPDATE SET subject = excluded.subject, model = excluded.model, text = excluded.text,"
        " created_ns = excluded.created_ns",
        [one.key, one.subject, one.model, one.text, one.created_ns],
    )
    db.execute(
        "DELETE FROM written_summary WHERE key NOT IN"
        " (SELECT key FROM written_summary ORDER BY created_ns DESC, key LIMIT ?)",
        [_MOST],
    )


def reserve(db: Database, now_ns: int, tokens: int, most: int) -> int | None:
    """Set tokens of today (UTC) aside, if so many are left; tells the day, to be given to `settle`, or None."""
    day = now_ns // _DAY_NS
    db.execute("DELETE FROM summary_budget WHERE day < ?", [day - _DAYS])
    if spent(db, now_ns) + tokens > most:
        return None
    settle(db, day, tokens)
    return day


def settle(db: Database, day: int, tokens: int) -> None:
    """Add to what a day has spent, or give back what was set aside and not needed."""
    db.execute(
        "INSERT INTO summary_budget VALUES (?, max(0, ?))"
        " ON CONFLICT (day) DO UPDATE SET tokens = max(0, summary_budget.tokens + ?)",
        [day, tokens, tokens],
    )


def spent(db: Database, now_ns: int) -> int:
    """Tell how many tokens today (UTC) has spent, or set aside."""
    row = db.execute("SELECT tokens FROM summary_budget WHERE day = ?", [now_ns // _DAY_NS]).fetchone()
    return int(row[0]) if row else 0

"""What people say of log templates: names, mergers, splits and patterns of their own. All of it governs future lines.

A service that runs heeds them from its next analysis on: it compares `revision`.
"""

from __future__ import annotations

from dataclasses import dataclass

from otel_insights.analysis.line_patterns import LONGEST_PATTERN, LinePattern
from otel_insights.store import log_views, settings, templates
from otel_insights.store.corrections import PERSON, WrongCorrection
from otel_insights.store.engine import Database

_SETTING = "log_corrections"
_LONGEST_NAME = 300
_MOST_PATTERNS = 500


def revision(db: Database) -> int:
    """Tell how many corrections there have been that a running service has to heed."""
    return int(settings.get(db, _SETTING) or 0)


def _revise(db: Database) -> None:
    settings.put(db, _SETTING, str(revision(db) + 1))


def template_of(db: Database, id_: str) -> str:
    """Find the template that an id, old or new, stands for. Raises WrongCorrection for an unknown one."""
    found = log_views.surviving(db, id_)
    if found is None:
        raise WrongCorrection(f"there is no log template {id_!r}")
    return found


def rename(db: Database, id_: str, name: str) -> str:
    """Give a template a name, under which it is shown from now on; an empty one takes the name back."""
    id_, name = template_of(db, id_), " ".join(name.split())
    if len(name) > _LONGEST_NAME:
        raise WrongCorrection(f"expected a name of at most {_LONGEST_NAME} characters, got {len(name)}")
    db.execute("UPDATE log_template SET name = ? WHERE id = ?", [name, id_])
    return id_


def merge(db: Database, into: str, other: str) -> tuple[str, str]:
    """Let one template go into another, for good; returns the id that goes on and the one that ended."""
    into, other = template_of(db, into), template_of(db, other)
    if into == other:
        raise WrongCorrection(f"both are the template {into} already")
    if _service_of(db, into) != _service_of(db, other):
        raise WrongCorrection(f"{into} and {other} are of different services, which share no templates")
    db.execute(
        "UPDATE log_template SET merged_into = ?, merged_by = ?, announced = 1 WHERE id = ?", [into, PERSON, other]
    )
    templates.join(db, other, into)
    _revise(db)
    return into, other


def split(db: Database, id_: str, glob: str, now_ns: int) -> int:
    """Let lines of a template that match a pattern be one of their own from now on; returns the pattern's number.

    What was counted stays where it was: the lines themselves are not kept.
    """
    namespace, service = _service_of(db, template_of(db, id_))
    return add_pattern(db, glob, namespace, service, now_ns)


@dataclass(frozen=True, slots=True)
class StoredPattern:
    """A pattern, and whose lines it is for: of a service, or of all where it names none."""

    id: int
    namespace: str
    service: str
    pattern: LinePattern


def patterns(db: Database) -> list[StoredPattern]:
    """List the patterns; of those that match a line, the first one decides."""
    rows = db.execute("SELECT id, namespace, service, glob FROM log_pattern ORDER BY id")
    return [StoredPattern(row[0], row[1], row[2], LinePattern(row[3])) for row in rows]


def add_pattern(db: Database, glob: str, namespace: str, service: str, now_ns: int) -> int:
    """Let lines that match be of one template from now on; returns the pattern's number."""
    glob = " ".join(glob.split())
    if not glob.strip("*") or len(glob) > LONGEST_PATTERN:
        raise WrongCorrection(f"expected a pattern of at most {LONGEST_PATTERN} characters that is not all stars")
    if any(one.isdigit() for one in glob):
        raise WrongCorrection(f"expected a pattern without digits (a star stands for a number), got {glob!r}")
    if namespace and not service:
        raise WrongCorrection("expected a service with its namespace")
    if db.execute("SELECT count(*) FROM log_pattern").fetchone()[0] >= _MOST_PATTERNS:
        raise WrongCorrection(f"expected at most {_MOST_PATTERNS} patterns: remove some first")
    db.execute(
        "INSERT INTO log_pattern (namespace, service, glob, created_ns) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [namespace, service, glob, now_ns],
    )
    _revise(db)
    row = db.execute(
        "SELECT id FROM log_pattern WHERE namespace = ? AND service = ? AND glob = ?", [namespace, service, glob]
    ).fetchone()
    return int(row[0])


def remove_pattern(db: Database, number: int) -> None:
    """Take a pattern back; lines that it matched are mined again like any other."""
    if not db.execute("DELETE FROM log_pattern WHERE id = ?", [number]).rowcount:
        raise WrongCorrection(f"there is no pattern {number}")
    _revise(db)


def _service_of(db: Database, id_: str) -> tuple[str, str]:
    row = db.execute("SELECT namespace, service FROM log_template WHERE id = ?", [id_]).fetchone()
    return str(row[0]), str(row[1])

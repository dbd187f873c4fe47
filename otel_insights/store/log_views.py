"""Log templates as they are looked at: with counts, severities, hours and examples."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from otel_insights.store.engine import Database
from otel_insights.store.templates import Example

_ORDER = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


@dataclass(frozen=True, slots=True)
class LogTemplate:
    """A template as it is shown. Times are nanoseconds since the epoch; counts are of records, by severity."""

    id: str
    namespace: str
    service: str
    text: str
    name: str
    """What people call it; "" if they do not."""
    counts: Mapping[str, float]
    first_seen_ns: int
    last_seen_ns: int
    examples: Sequence[Example]

    @property
    def count(self) -> float:
        """Tell how many records there were of it."""
        return sum(self.counts.values())

    @property
    def severity(self) -> str:
        """Name the severity that it has most often."""
        return severity(self.counts)


@dataclass(frozen=True, slots=True)
class LogCount:
    """Records of a template and severity since the store began; of all templates beyond the cap where it names none."""

    service: str
    template_id: str
    severity: str
    weight: float


def totals(db: Database, most: int = 1000) -> list[LogCount]:
    """Count records by template and severity for the templates that were made first; the others all together."""
    rows = db.execute(
        "WITH first AS (SELECT id, service FROM log_template WHERE merged_into IS NULL ORDER BY rowid LIMIT ?)"
        " SELECT coalesce(service, ''), coalesce(id, ''), severity, sum(weight) FROM log_template_count"
        " LEFT JOIN first ON first.id = template_id GROUP BY id, service, severity ORDER BY 2, 3",
        [most],
    )
    return [LogCount(*row) for row in rows]


def severity(counts: Mapping[str, float]) -> str:
    """Name the most frequent severity, of equals the most severe; "" without counts.

    >>> severity({"INFO": 3, "ERROR": 3, "DEBUG": 1})
    'ERROR'
    """
    return max(counts, key=lambda one: (counts[one], rank(one)), default="")


def rank(severity: str) -> int:
    """Tell how severe one is by its name; -1 for a name that is a sender's own.

    >>> rank("FATAL") > rank("ERROR") > rank("dire")
    True
    """
    return _ORDER.index(severity) if severity in _ORDER else -1


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which templates are to be read; what is empty does not matter."""

    namespace: str | None = None
    service: str | None = None
    severity: str = ""
    """Logged with it at least once."""
    text: str = ""
    """Is in its text or name, whatever the case."""


def page(db: Database, *, after: str = "", limit: int = 500, wanted: Wanted | None = None) -> list[LogTemplate]:
    """Read templates in the order of their ids, from the one behind `after` on."""
    wanted = wanted or Wanted()
    rows = db.execute(
        "SELECT id, namespace, service, text, name FROM log_template WHERE id > :after AND merged_into IS NULL"
        " AND EXISTS (SELECT 1 FROM log_template_count WHERE template_id = id"
        " AND (:severity = '' OR severity = :severity))"
        " AND namespace = coalesce(:namespace, namespace) AND service = coalesce(:service, service)"
        " AND (:text = '' OR instr(lower(text), :text) > 0 OR instr(lower(name), :text) > 0) ORDER BY id LIMIT :limit",
        {
            "after": after,
            "severity": wanted.severity.upper(),
            "namespace": wanted.namespace,
            "service": wanted.service,
            "text": wanted.text.lower(),
            "limit": limit,
        },
    ).fetchall()
    return _templates(db, rows)


def get(db: Database, id_: str) -> LogTemplate | None:
    """Find one template; the id of one that has gone into another leads to that."""
    row = db.execute(
        "SELECT id, namespace, service, text, name FROM log_template WHERE id = ?", [surviving(db, id_)]
    ).fetchall()
    return next(iter(_templates(db, row)), None)


def texts(db: Database) -> list[tuple[str, str]]:
    """List ids and texts of all templates that something was counted of."""
    rows: list[tuple[str, str]] = db.execute(
        "SELECT id, text FROM log_template WHERE merged_into IS NULL"
        " AND EXISTS (SELECT 1 FROM log_template_count WHERE template_id = id)"
    ).fetchall()
    return rows


def merged_from(db: Database, id_: str) -> list[str]:
    """List the ids that lead to a template."""
    rows = db.execute("SELECT id FROM log_template WHERE merged_into = ? ORDER BY id LIMIT 100", [id_])
    return [row[0] for row in rows]


def hours(db: Database, ids: Sequence[str]) -> dict[str, dict[int, float]]:
    """Count records by the hour (since the epoch) for each of these templates."""
    found: dict[str, dict[int, float]] = {id_: {} for id_ in ids}
    rows = db.execute(
        "SELECT template_id, hour, sum(weight) FROM log_template_hour"
        " WHERE template_id IN (SELECT value FROM json_each(?)) GROUP BY template_id, hour",
        [json.dumps(list(ids))],
    )
    for id_, hour, weight in rows:
        found[id_][hour] = weight
    return found


def heard(db: Database, namespace: str, service: str) -> tuple[int, int]:
    """Tell the times (ns) of the first and the last record of a service; zeros if there is none."""
    row = db.execute(
        "SELECT min(first_seen_ns), max(last_seen_ns) FROM log_template JOIN log_template_count ON template_id = id"
        " WHERE namespace = ? AND service = ?",
        [namespace, service],
    ).fetchone()
    return row[0] or 0, row[1] or 0


def of_services(db: Database, namespace: str, services: Sequence[str], most: int) -> list[str]:
    """List the templates of services that were logged last."""
    rows = db.execute(
        "SELECT id FROM log_template JOIN log_template_count ON template_id = id WHERE namespace = ?"
        " AND service IN (SELECT value FROM json_each(?)) AND merged_into IS NULL"
        " GROUP BY id ORDER BY max(last_seen_ns) DESC, id LIMIT ?",
        [namespace, json.dumps(list(services)), most],
    )
    return [row[0] for row in rows]


def _templates(db: Database, rows: Sequence[tuple[str, str, str, str, str]]) -> list[LogTemplate]:
    ids = json.dumps([row[0] for row in rows])
    counted = dict[str, dict[str, float]]()
    seen = dict[str, tuple[int, int]]()
    for id_, level, weight, first, last in db.execute(
        "SELECT template_id, severity, weight, first_seen_ns, last_seen_ns FROM log_template_count"
        " WHERE template_id IN (SELECT value FROM json_each(?)) ORDER BY template_id, severity",
        [ids],
    ):
        counted.setdefault(id_, {})[level] = weight
        before = seen.get(id_, (first, last))
        seen[id_] = min(before[0], first), max(before[1], last)
    shown = dict[str, list[Example]]()
    for row in db.execute(_EXAMPLES_OF, [ids]):
        shown.setdefault(row[0], []).append(Example(*row))
    return [
        LogTemplate(*row, counted.get(row[0], {}), *seen.get(row[0], (0, 0)), shown.get(row[0], [])) for row in rows
    ]


_EXAMPLES: Final = "SELECT template_id, body, severity, time_ns, trace_id, span_id FROM log_template_example"
_IN_TIME: Final = "ORDER BY time_ns, body"
_EXAMPLES_OF: Final = f"{_EXAMPLES} WHERE template_id IN (SELECT value FROM json_each(?)) {_IN_TIME}"  # noqa: S608 - text of ours


def surviving(db: Database, id_: str) -> str | None:
    """Tell under which id a template's lines count now; None for an id that nothing is known of."""
    row = db.execute("SELECT coalesce(merged_into, id) FROM log_template WHERE id = ?", [id_]).fetchone()
    return str(row[0]) if row else None


def counts(db: Database, id_: str) -> dict[str, float]:
    """Count a template's records by severity."""
    rows = db.execute("SELECT severity, weight FROM log_template_count WHERE template_id = ? ORDER BY severity", [id_])
    return dict(rows.fetchall())


def examples(db: Database, id_: str) -> list[Example]:
    """Give the first lines of a template, as they came."""
    rows = db.execute(f"{_EXAMPLES} WHERE template_id = ? {_IN_TIME}", [id_])
    return [Example(*row) for row in rows]

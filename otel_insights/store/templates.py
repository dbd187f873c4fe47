"""Log templates: what the miners know, and how often each was logged, with which severity, since when."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from otel_insights.analysis.spikes import KEPT_HOURS
from otel_insights.analysis.template import Kept
from otel_insights.store import log_keys, outbox, windows
from otel_insights.store.engine import Database
from otel_insights.store.outbox import Finding

EXAMPLES = 3
"""Kept of each template."""
HOUR_NS = 3_600 * 10**9
_MOST_WAITING = 64
"""Requests whose counts wait to be added up."""

Service = tuple[str, str]
"""`service.namespace` and `service.name`."""


Place = tuple[str, str, int]
"""Where a record counts: the id of its template, its severity, the hour since the epoch."""


class Example(NamedTuple):
    """A line as it came, and where it stands in the traces."""

    template_id: str
    body: str
    severity: str
    time_ns: int
    trace_id: bytes
    span_id: bytes


@dataclass(slots=True)
class Counted:
    """Records of one request in one place."""

    weight: float
    first_ns: int
    last_ns: int


Record = tuple[int, Place, int, float]
"""One record of a request: its key (`log_keys.key_of`), where it counts, its time, and how many it stands for."""


@dataclass(frozen=True, slots=True)
class Request:
    """All that is to be remembered of one request."""

    records: Sequence[Record]
    counted: Mapping[Place, Counted]
    """The sum of the records, at hand where none of them was counted before."""
    changed: Sequence[tuple[Service, Kept]] = ()
    examples: Sequence[Example] = ()
    data: bytes = b""
    """The request itself, for the window of the latest records; b"" if it is not to be kept."""
    window_bytes: int = 0
    """How many bytes that window may have."""


def record(db: Database, request: Request, now_ns: int) -> int:
    """Remember a request; returns how many of its records were counted before, and so are not counted now."""
    if request.changed:
        _learn(db, request.changed, now_ns)
    known = log_keys.add(db, [one[0] for one in request.records])
    counted = _without(request.records, known) if known else request.counted
    if counted:
        _note(db, counted)
    if request.examples:
        _exemplify(db, request.examples)
    if request.data and len(known) < len(request.records):
        windows.LOGS.put(db, request.data, now_ns, request.window_bytes)
    return len(known)


def _without(records: Iterable[Record], known: set[int]) -> Mapping[Place, Counted]:
    counted: dict[Place, Counted] = {}
    for key, place, time_ns, weight in records:
        if key not in known:
            sums = counted.setdefault(place, Counted(0.0, time_ns, time_ns))
            sums.weight += weight
            sums.first_ns, sums.last_ns = min(sums.first_ns, time_ns), max(sums.last_ns, time_ns)
    return counted


def _note(db: Database, counted: Mapping[Place, Counted]) -> None:
    """Let counts wait until there are some, since the same templates come again and again."""
    db.conn.execute("INSERT INTO log_tally (counted) VALUES (?)", [_rows(counted)])
    if db.conn.execute("SELECT count(*) FROM log_tally").fetchone()[0] >= _MOST_WAITING:
        fold(db)


def fold(db: Database) -> None:
    """Add up what requests have counted; whoever reads counts sees all of them after this."""
    texts = [row[0] for row in db.conn.execute("SELECT counted FROM log_tally ORDER BY id")]
    if not texts:
        return
    summed: dict[Place, Counted] = {}
    for text in texts:
        for id_, severity, hour, weight, first_ns, last_ns in json.loads(text):
            sums = summed.setdefault((id_, severity, hour), Counted(0.0, first_ns, last_ns))
            sums.weight += weight
            sums.first_ns, sums.last_ns = min(sums.first_ns, first_ns), max(sums.last_ns, last_ns)
    _count(db, summed)
    db.execute("DELETE FROM log_tally")


def _rows(counted: Mapping[Place, Counted]) -> str:
    return json.dumps([(*place, one.weight, one.first_ns, one.last_ns) for place, one in counted.items()])


def _count(db: Database, counted: Mapping[Place, Counted]) -> None:
    """Count under the ids that hold now: a template may have gone into another one meanwhile."""
    rows = db.execute(
        "SELECT id, merged_into FROM log_template WHERE merged_into IS NOT NULL"
        " AND id IN (SELECT value FROM json_each(?))",
        [json.dumps(list({place[0] for place in counted}))],
    )
    moved = dict(rows.fetchall())
    text = _rows(counted)
    if moved:
        text = json.dumps([(moved.get(id_, id_), *rest) for id_, *rest in json.loads(text)])
    db.execute(_COUNT, [text])
    db.execute(_COUNT_HOURS, [text])


_TYPES = ("TEXT", "TEXT", "BIGINT", "DOUBLE PRECISION", "BIGINT", "BIGINT")
_FIELDS = [f"CAST(json_extract(value, '$[{number}]') AS {type_})" for number, type_ in enumerate(_TYPES)]
_ADD_COUNT = (
    "ON CONFLICT (template_id, severity) DO UPDATE SET weight = log_template_count.weight + excluded.weight,"
    " first_seen_ns = min(log_template_count.first_seen_ns, excluded.first_seen_ns),"
    " last_seen_ns = max(log_template_count.last_seen_ns, excluded.last_seen_ns)"
)
_ADD_HOUR = (
    "ON CONFLICT (template_id, hour, severity) DO UPDATE SET weight = log_template_hour.weight + excluded.weight"
)
_ID, _SEVERITY, _HOUR, _WEIGHT, _FIRST, _LAST = _FIELDS
# An upsert that selects needs a WHERE, lest ON be taken for the one of a join (sqlite.org/lang_upsert.html).
_COUNT = (
    f"INSERT INTO log_template_count SELECT {_ID}, {_SEVERITY}, sum({_WEIGHT}), min({_FIRST}), max({_LAST})"  # noqa: S608 - names of ours
    f" FROM json_each(?) WHERE true GROUP BY 1, 2 {_ADD_COUNT}"
)
_COUNT_HOURS = (
    f"INSERT INTO log_template_hour SELECT {_ID}, {_HOUR}, {_SEVERITY}, sum({_WEIGHT}) FROM json_each(?)"  # noqa: S608 - names of ours
    f" WHERE true GROUP BY 1, 2, 3 {_ADD_HOUR}"
)


def _exemplify(db: Database, examples: Iterable[Example]) -> None:
    db.conn.executemany(
        "INSERT INTO log_template_example SELECT ?, ?, ?, ?, ?, ?"
        " WHERE (SELECT count(*) FROM log_template_example WHERE template_id = ?) < ? ON CONFLICT DO NOTHING",
        [(*one, one.template_id, EXAMPLES) for one in examples],
    )


def _learn(db: Database, changed: Sequence[tuple[Service, Kept]], now_ns: int) -> None:
    """Keep what miners have learnt. What a person has merged stays so."""
    db.conn.executemany(
        "INSERT INTO log_template (id, namespace, service, text, created_ns, tokens, gaps, opens, mined, sites, hits,"
        " merged_into) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET text = excluded.text,"
        " tokens = excluded.tokens, gaps = excluded.gaps, opens = excluded.opens, mined = excluded.mined,"
        " sites = excluded.sites, hits = excluded.hits,"
        " merged_into = CASE log_template.merged_by WHEN '' THEN excluded.merged_into"
        " ELSE log_template.merged_into END",
        [
            (
                one.id,
                *service,
                one.text,
                now_ns,
                json.dumps(one.tokens),
                "".join(map(str, map(int, one.gaps))),
                one.opens,
                one.mined,
                json.dumps(one.sites),
                one.hits,
                one.into or None,
            )
            for service, one in changed
        ],
    )
    for _, one in changed:
        if one.into:
            join(db, one.id, one.into)


def join(db: Database, old: str, into: str) -> None:
    """Let what was counted under one id count under another."""
    db.execute(
        "INSERT INTO log_template_count SELECT ?, severity, weight, first_seen_ns, last_seen_ns FROM log_template_count"  # noqa: S608
        f" WHERE template_id = ? {_ADD_COUNT}",
        [into, old],
    )
    db.execute(
        "INSERT INTO log_template_hour SELECT ?, hour, severity, weight FROM log_template_hour WHERE template_id = ?"  # noqa: S608
        f" {_ADD_HOUR}",
        [into, old],
    )
    for table in ("log_template_count", "log_template_hour", "log_template_example"):
        db.execute(f"DELETE FROM {table} WHERE template_id = ?", [old])  # noqa: S608 - names of ours
    db.execute("UPDATE log_template SET merged_into = ? WHERE merged_into = ?", [into, old])


def known(db: Database, namespace: str, service: str, most: int) -> list[Kept]:
    """Give what the miner of a service needs to go on: its latest templates, in the order in which they were made."""
    rows = db.execute(
        "SELECT * FROM (SELECT rowid, id, text, tokens, gaps, opens, mined, sites, hits, merged_into FROM log_template"
        " WHERE namespace = ? AND service = ? ORDER BY merged_into IS NULL DESC, created_ns DESC, rowid DESC LIMIT ?)"
        " AS latest ORDER BY rowid",
        [namespace, service, most],
    )
    return [
        Kept(
            id=row[1],
            text=row[2],
            tokens=tuple(json.loads(row[3])),
            gaps=tuple(one == "1" for one in row[4]),
            opens=bool(row[5]),
            mined=bool(row[6]),
            sites=tuple(json.loads(row[7])),
            hits=row[8],
            into=row[9] or "",
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class News:
    """A template that nobody has been told of."""

    id: str
    namespace: str
    service: str
    text: str
    created_ns: int


def unannounced(db: Database, limit: int = 500) -> list[News]:
    """Give templates that nobody has been told of, the first first; what has gone into others is not told."""
    rows = db.execute(
        "SELECT id, namespace, service, text, created_ns FROM log_template WHERE NOT announced AND merged_into IS NULL"
        " ORDER BY created_ns, id LIMIT ?",
        [limit],
    )
    return [News(*row) for row in rows]


def announce(db: Database, ids: Sequence[str], findings: Iterable[Finding]) -> None:
    """Put findings on their way, and note that these templates are told of, or are not to be."""
    outbox.put(db, findings)
    db.execute("UPDATE log_template SET announced = 1 WHERE id IN (SELECT value FROM json_each(?))", [json.dumps(ids)])


def forget(db: Database, now_ns: int, most: int) -> list[Service]:
    """Let go of hours that are past, and of the templates that were not logged for longest beyond so many.

    Returns the services whose templates went.
    """
    fold(db)
    db.execute("DELETE FROM log_template_hour WHERE hour < ?", [now_ns // HOUR_NS - KEPT_HOURS])
    (many,) = db.execute("SELECT count(*) FROM log_template WHERE merged_into IS NULL").fetchone()
    if many <= most:
        return []
    rows = db.execute(
        "SELECT id, namespace, service FROM log_template LEFT JOIN (SELECT template_id, max(last_seen_ns) AS heard"
        " FROM log_template_count GROUP BY template_id) AS counted ON template_id = id WHERE merged_into IS NULL"
        " ORDER BY coalesce(heard, 0), created_ns, id LIMIT ?",
        [many - most],
    ).fetchall()
    ids = json.dumps([row[0] for row in rows])
    for table, key in (
        ("log_template_count", "template_id"),
        ("log_template_hour", "template_id"),
        ("log_template_example", "template_id"),
        ("log_template", "merged_into"),
        ("log_template", "id"),
    ):
        db.execute(f"DELETE FROM {table} WHERE {key} IN (SELECT value FROM json_each(?))", [ids])  # noqa: S608 - names of ours
    return sorted({(row[1], row[2]) for row in rows})

"""Log templates as people look for them: filtered, in an order, some at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from otel_insights.analysis.log_states import NEW, SURGING, VANISHED, new_hours
from otel_insights.store import log_views, template_states
from otel_insights.store.engine import Database
from otel_insights.store.log_views import LogTemplate, Wanted
from otel_insights.store.templates import HOUR_NS

ORDERS: Final = {"last": "last_seen_ns", "first": "first_seen_ns", "count": "weight"}
"""What lists can be ordered by, the greatest first, with the column of each."""
STATES: Final = (NEW, SURGING, VANISHED)
"""Those that can be asked for: surging and vanished as of the latest look, which is a minute old at most."""


def place(one: LogTemplate, order: str) -> tuple[float, str]:
    """Tell where a template stands in an order: what comes behind it is listed with this as `after`."""
    ordered = {"last": one.last_seen_ns, "first": one.first_seen_ns, "count": one.count}
    return ordered[order], one.id


def listed(
    db: Database,
    wanted: Wanted,
    order: str = "last",
    state: str = "",
    after: tuple[float, str] | None = None,
    limit: int = 50,
) -> list[LogTemplate]:
    """List templates behind the place given. The counts have to be folded."""
    column = ORDERS[order]
    behind = f"({column}, id) < (:place, :id)" if after else "true"
    rows = db.execute(
        f"SELECT id FROM ({_FOUND}) AS found WHERE {_STATE[state]} AND {behind}"  # noqa: S608 - of ours
        f" ORDER BY {column} DESC, id DESC LIMIT :limit",
        {
            "namespace": wanted.namespace,
            "service": wanted.service,
            "severity": wanted.severity.upper(),
            "text": wanted.text.lower(),
            "state": state,
            "new": _hours_of_new(db) if state == NEW else "[]",
            "hour_ns": HOUR_NS,
            "place": after[0] if after else 0,
            "id": after[1] if after else "",
            "limit": limit,
        },
    ).fetchall()
    return [one for (id_,) in rows if (one := log_views.get(db, id_)) is not None]


_FOUND = """
    SELECT id, namespace, service, told_state, sum(weight) AS weight,
           min(first_seen_ns) AS first_seen_ns, max(last_seen_ns) AS last_seen_ns
    FROM log_template JOIN log_template_count ON template_id = id
    WHERE merged_into IS NULL
      AND namespace = coalesce(:namespace, namespace) AND service = coalesce(:service, service)
      AND (:text = '' OR instr(lower(text), :text) > 0 OR instr(lower(name), :text) > 0 OR id = :text)
      AND (:severity = '' OR id IN (SELECT template_id FROM log_template_count WHERE upper(severity) = :severity))
    GROUP BY id
"""
_TOLD = "told_state = :state"
_FIRST = """told_state = '' AND EXISTS (
    SELECT 1 FROM json_each(:new) WHERE namespace = json_extract(value, '$[0]')
    AND service = json_extract(value, '$[1]')
    AND first_seen_ns / :hour_ns BETWEEN CAST(json_extract(value, '$[2]') AS BIGINT)
        AND CAST(json_extract(value, '$[3]') AS BIGINT))"""
_STATE: Mapping[str, str] = {"": "true", NEW: _FIRST, SURGING: _TOLD, VANISHED: _TOLD}


def _hours_of_new(db: Database) -> str:
    """Write for each service the hours in which what is new there was logged first."""
    found: list[tuple[str, str, int, int]] = []
    for namespace, service, first_ns, last_ns in template_states.services(db):
        hours = new_hours(first_ns // HOUR_NS, last_ns // HOUR_NS)
        if hours:
            found.append((namespace, service, hours[0], hours[-1]))
    return json.dumps(found)


def choices(db: Database) -> dict[str, Any]:
    """Tell the namespaces, services and severities that there are, for people to choose from."""
    where = "SELECT DISTINCT {} FROM log_template WHERE {} <> '' ORDER BY 1"
    severities = {row[0] for row in db.execute("SELECT DISTINCT severity FROM log_template_count")}
    return {
        "namespaces": [row[0] for row in db.execute(where.format("namespace", "namespace"))],
        "services": [row[0] for row in db.execute(where.format("service", "service"))],
        "severities": sorted(severities, key=log_views.rank),
    }


def neighbours(db: Database, one: LogTemplate, limit: int = 200) -> list[tuple[str, str]]:
    """Give ids and names (or texts) of what a template can be merged with, the latest first."""
    rows = db.execute(
        "SELECT id, coalesce(nullif(name, ''), text) FROM log_template JOIN log_template_count ON template_id = id"
        " WHERE namespace = ? AND service = ? AND merged_into IS NULL AND id <> ?"
        " GROUP BY id ORDER BY max(last_seen_ns) DESC, id LIMIT ?",
        [one.namespace, one.service, one.id, limit],
    )
    return [(row[0], row[1]) for row in rows]

"""Changing many runs at once: which ones would change, what would, and doing it part by part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from otel_insights.store import runs
from otel_insights.store.corrections import WrongCorrection
from otel_insights.store.engine import Database
from otel_insights.store.runs import EDITABLE, Value, Wanted


@dataclass(frozen=True, slots=True)
class Differing:
    """Runs that were chosen, and those of them that changes would make different."""

    chosen: int
    ids: tuple[str, ...]
    missing: tuple[str, ...] = ()
    """Of those that were named, the ones that there are not."""


def differing(db: Database, which: Wanted | Sequence[str], changes: Mapping[str, Value], most: int) -> Differing:
    """Tell which runs changes would make different: of those that meet a filter, the `most` newest; or of those named.

    Raises WrongCorrection for columns that people do not change.
    """
    if wrong := changes.keys() - set(EDITABLE):
        raise WrongCorrection(f"expected some of {', '.join(EDITABLE)}, got {', '.join(sorted(wrong))}")
    other = " OR ".join(f"{key} IS NOT :new_{key}" for key in changes) or "false"
    asked = {f"new_{key}": value for key, value in changes.items()}
    if isinstance(which, Wanted):
        condition, filters = runs.met(which)
        query = f"SELECT event_id, {other} FROM run WHERE {condition} ORDER BY id DESC LIMIT :most"  # noqa: S608
        rows = db.execute(query, {**asked, **filters, "most": most}).fetchall()
        return Differing(len(rows), tuple(row[0] for row in rows if row[1]))
    query = f"SELECT event_id, {other} FROM run WHERE event_id = :event_id"  # noqa: S608 - names of our own
    found = {id_: db.execute(query, {**asked, "event_id": id_}).fetchone() for id_ in which}
    return Differing(
        sum(row is not None for row in found.values()),
        tuple(id_ for id_, row in found.items() if row and row[1]),
        tuple(id_ for id_, row in found.items() if not row),
    )


@dataclass(frozen=True, slots=True)
class Step:
    """A field of a run that would change."""

    event_id: str
    agent_name: str
    field: str
    before: Value
    after: Value


def steps(db: Database, ids: Iterable[str], changes: Mapping[str, Value]) -> Iterator[Step]:
    """Tell field by field what would change."""
    for id_ in ids:
        if run := runs.get(db, id_):
            for key, value in changes.items():
                if (before := getattr(run, key)) != value:
                    yield Step(id_, run.agent_name, key, before, value)


def change(db: Database, ids: Iterable[str], changes: Mapping[str, Value], now_ns: int) -> dict[str, str]:
    """Change runs by a person's word; returns those that could not be, with the reason."""
    failed: dict[str, str] = {}
    for id_ in ids:
        try:
            runs.edit(db, id_, changes, now_ns)
        except WrongCorrection as error:
            failed[id_] = str(error)
    return failed

"""Summaries as the command line shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from otel_insights import log_summaries
from otel_insights.store import templates
from otel_insights.store.corrections import WrongCorrection
from otel_insights.store.engine import Database
from otel_insights.store.log_views import Wanted
from otel_insights.summary_requests import Subject, told


def alike(db: Database, wanted: Wanted) -> list[dict[str, Any]]:
    """Read what services log alike."""
    templates.fold(db)
    return log_summaries.summaries(db, wanted)


def whole(db: Database, subject: Subject) -> dict[str, Any]:
    """Read the summary of one thing, and what a model wrote of it. Raises WrongCorrection for an unknown id."""
    templates.fold(db)
    found = told(db, subject)
    if found is None:
        raise WrongCorrection(subject.unknown)
    return found


def line(one: Mapping[str, Any]) -> str:
    """Write a summary in one line behind its id."""
    return f"{one['cluster_id']}  {one['summary']}"


def lines(one: Mapping[str, Any]) -> Iterator[str]:
    """Write a summary with what explains it, and the top examples, for a person."""
    yield line(one)
    yield from one["explanation"]
    if written := one["written"]:
        was = "" if written["is_current"] else ", of what was known then"
        yield f"{written['model']} wrote on {written['time'][:16].replace('T', ' ')}{was}: {written['text']}"
    for sample in one["sample_messages"]:
        yield f"  {sample[:500]}"

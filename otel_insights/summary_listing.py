"""Summaries as the command line shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlite_utils import Database

from otel_insights import cluster_summaries, log_summaries
from otel_insights.store import templates
from otel_insights.store.corrections import WrongCorrection
from otel_insights.store.log_views import Wanted


def alike(db: Database, wanted: Wanted) -> list[dict[str, Any]]:
    """Read what services log alike."""
    templates.fold(db)
    return log_summaries.summaries(db, wanted)


def of_log_cluster(db: Database, cluster_id: str) -> dict[str, Any]:
    """Read the summary of what services log alike. Raises WrongCorrection for an unknown id."""
    templates.fold(db)
    found = log_summaries.summary(db, cluster_id)
    if found is None:
        raise WrongCorrection(f"there is no group of log templates {cluster_id!r}")
    return found


def of_cluster(db: Database, cluster_id: str) -> dict[str, Any]:
    """Read the summary of a cluster of exceptions. Raises WrongCorrection for an unknown id."""
    templates.fold(db)
    found = cluster_summaries.summary(db, cluster_id)
    if found is None:
        raise WrongCorrection(f"there is no cluster {cluster_id!r}")
    return found


def line(one: Mapping[str, Any]) -> str:
    """Write a summary in one line behind its id."""
    return f"{one['cluster_id']}  {one['summary']}"


def lines(one: Mapping[str, Any]) -> Iterator[str]:
    """Write a summary with what explains it, and the top examples, for a person."""
    yield line(one)
    yield from one["explanation"]
    for sample in one["sample_messages"]:
        yield f"  {sample[:500]}"

"""Environments and services as the API and the command line show them, and what differs between two environments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from otel_insights.analysis.differences import differences
from otel_insights.report import rfc3339
from otel_insights.store import environments
from otel_insights.store.corrections import WrongCorrection
from otel_insights.store.engine import Database
from otel_insights.store.environments import KnownEnvironment, KnownService


def environment_row(one: KnownEnvironment) -> dict[str, Any]:
    """Write an environment but for its configuration."""
    return {
        "id": one.id,
        "namespace": one.key.namespace,
        "service": one.key.service,
        "instance": one.key.instance,
        "exposure": one.exposure,
        "packages": one.packages,
        "first_seen": rfc3339(one.first_seen_ns),
        "last_seen": rfc3339(one.last_seen_ns),
    }


def service_row(one: KnownService) -> dict[str, Any]:
    """Write a service."""
    return {
        "namespace": one.namespace,
        "name": one.name,
        "environments": one.environments,
        "failing_environments": one.failing,
        "exposure": one.exposure,
        "first_seen": rfc3339(one.first_seen_ns),
        "last_seen": rfc3339(one.last_seen_ns),
    }


def found(db: Database, number: int) -> KnownEnvironment:
    """Find an environment. Raises WrongCorrection where there is none of that number."""
    one = environments.get(db, number)
    if one is None:
        raise WrongCorrection(f"there is no environment {number}")
    return one


def shown(db: Database, number: int) -> dict[str, Any]:
    """Read an environment whole: its configuration, and the clusters that it fails in. Raises as `found`."""
    one = found(db, number)
    failing = [
        {
            "cluster_id": each.cluster_id,
            "title": each.title,
            "count": each.count,
            "first_seen": rfc3339(each.first_seen_ns),
            "last_seen": rfc3339(each.last_seen_ns),
        }
        for each in environments.failing_in(db, number)
    ]
    return {**environment_row(one), "configuration": json.loads(one.configuration), "failing_in": failing}


def compared(db: Database, number: int, other: int) -> dict[str, Any]:
    """Tell what differs between two environments, and in which clusters only one of them fails. Raises as `found`."""
    one, two = shown(db, number), shown(db, other)
    mine, theirs = one.pop("configuration"), two.pop("configuration")
    differing = [{"key": each.key, "one": each.one, "other": each.other} for each in differences(mine, theirs)]
    clusters = [{each["cluster_id"] for each in side["failing_in"]} for side in (one, two)]
    return {
        "one": one,
        "other": two,
        "differing": differing,
        "equal": sum(mine[key] == theirs.get(key) for key in mine),
        "only_one_fails_in": sorted(clusters[0] - clusters[1]),
        "only_other_fails_in": sorted(clusters[1] - clusters[0]),
    }


def line(row: Mapping[str, Any]) -> str:
    """Write an environment in one line: number, service and instance, packages, work done, last seen."""
    seen = row["last_seen"][:16].replace("T", " ")
    name = "/".join(filter(None, (row["namespace"], row["service"] or "unnamed", row["instance"])))
    return f"{row['id']:>6}  {seen}  {row['packages']:>4} packages  {row['exposure']:>10.0f}  {name}"


def service_line(row: Mapping[str, Any]) -> str:
    """Write a service in one line: environments, failing ones, work done, last seen, name."""
    seen = row["last_seen"][:16].replace("T", " ")
    name = "/".join(filter(None, (row["namespace"], row["name"] or "unnamed")))
    return (
        f"{row['environments']:>6}  {row['failing_environments']:>6} failing  {row['exposure']:>10.0f}  {seen}  {name}"
    )


def lines(one: Mapping[str, Any]) -> Iterator[str]:
    """Write an environment for a person."""
    yield line(one)
    for each in one["failing_in"]:
        yield f"  fails in {each['cluster_id']}, {each['count']:g} times: {each['title']}"
    for key, value in sorted(one["configuration"].items()):
        yield f"  {key} = {value}"


def difference_lines(one: Mapping[str, Any]) -> Iterator[str]:
    """Write what differs between two environments for a person."""
    yield f"one    {line(one['one'])}"
    yield f"other  {line(one['other'])}"
    for each in one["differing"]:
        mine, theirs = ("absent" if each[side] is None else each[side] for side in ("one", "other"))
        yield f"  {each['key']}: {mine} | {theirs}"
    yield f"{one['equal']} keys are equal"
    for side in ("one", "other"):
        for cluster in one[f"only_{side}_fails_in"]:
            yield f"only {side} fails in {cluster}"

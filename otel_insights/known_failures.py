"""Before deploying: does a set of packages meet a condition under which environments are known to fail?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from otel_insights.analysis.conditions import Condition, joined
from otel_insights.lockfiles import Packages
from otel_insights.store import clusters, suggestions
from otel_insights.store.clusters import Cluster
from otel_insights.store.engine import Database
from otel_insights.store.feedback import conditions_of

_PACKAGE, _VARIABLE = "package.", "process.environment_variable."


@dataclass(frozen=True, slots=True)
class Known:
    """An established suggestion that packages meet; or may meet, for a reason that `open` tells."""

    cluster: Cluster
    body: Mapping[str, Any]
    open: str = ""

    def as_json(self) -> dict[str, Any]:
        """Write it as a JSON object."""
        return {"cluster": {"id": self.cluster.id, "title": self.cluster.title}, "open": self.open, **self.body}


def known_failures(db: Database, packages: Packages, service: str = "") -> list[Known]:
    """Compare packages with every established suggestion that holds, those that are surely met first.

    With a `service`, only the clusters that were seen in it. What nobody can tell from the packages (the runtime, the
    release, a package without a version) leaves a suggestion open, and so does an alias that is met where the
    suggestion itself is not: the evidence does not tell the two apart.
    """
    found = []
    for one in suggestions.established(db):
        cluster = clusters.get(db, one.cluster_id)
        if cluster is None or (service and service not in cluster.services):
            continue
        judged = _judge(one.body, packages, service)
        if judged is not None:
            found.append(Known(cluster, one.body, judged))
    return sorted(found, key=lambda one: bool(one.open))


def _judge(body: Mapping[str, Any], packages: Packages, service: str) -> str | None:
    """Tell what is open: nothing where the conditions are met, None where they are not."""
    conditions = conditions_of(body["conditions"])
    answers = [meets(one, packages, service) for one in conditions]
    if all(answers):
        return ""
    if False not in answers:
        unknown = [one.text() for one, answer in zip(conditions, answers, strict=True) if answer is None]
        return f"it depends on whether {' and '.join(unknown)}"
    for alias in map(conditions_of, body["aliases"]):
        if all(meets(one, packages, service) for one in alias):
            return f"{joined(alias)} selected the same environments, and is met"
    return None


def meets(condition: Condition, packages: Packages, service: str = "") -> bool | None:
    """Tell whether packages meet a condition; None where they do not tell.

    >>> known = Packages({"numpy": "2.0.1"}, complete=False)
    >>> meets(Condition("package.numpy", ">=", "2.0"), known), meets(Condition("package.pandas", "<", "3"), known)
    (True, False)
    >>> print(meets(Condition("package.pandas", "absent"), known))  # it may be installed with something
    None
    """
    key = condition.key
    if key == "service.name":
        return condition.holds({key: service}) if service else None
    if not key.startswith(_PACKAGE):
        certain = key in packages.others or (key.startswith(_VARIABLE) and bool(packages.others))
        return condition.holds(packages.others) if certain else None
    name = key.removeprefix(_PACKAGE)
    if name in packages.versions:
        return condition.holds({key: packages.versions[name]})
    if name in packages.unpinned:
        return condition.op == "present" if condition.op in ("present", "absent") else None
    if condition.op == "absent" and not packages.complete:
        return None
    return condition.holds({})


def describe(one: Known) -> Sequence[str]:
    """Say it to a person: what is met, how it failed, what to do."""
    body = one.body
    conditions = conditions_of(body["conditions"])
    head = f"may fail: {joined(conditions)} ({one.open})" if one.open else f"fails: {joined(conditions)}"
    lines = [head, f"  {one.cluster.title} (cluster {one.cluster.id})", f"  {body['text']}"]
    lines += [f"  alias: {joined(conditions_of(alias))} selects the same environments" for alias in body["aliases"]]
    lines += [f"  reported to have fixed it: {_value(fix)}" for fix in body["fixed_by"] if fix["key"]]
    return lines


def _value(fix: Mapping[str, Any]) -> str:
    return joined([Condition(fix["key"], "==", fix["value"])])

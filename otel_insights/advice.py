"""What is advised on an error: what explains the clusters that it may belong to, and what the asker can try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from otel_insights.analysis.comparison import wilson
from otel_insights.analysis.conditions import joined
from otel_insights.analysis.fingerprint import Fingerprint
from otel_insights.store import lives, suggestions
from otel_insights.store.engine import Database
from otel_insights.store.feedback import conditions_of
from otel_insights.store.matching import clusters_like
from otel_insights.store.suggestions import StoredSuggestion

_REASONS = {
    "not_enough_environments": "too few environments",
    "no_healthy_side": "too few environments",
    "no_difference": "no difference",
    "service_wide": "service-wide",
}
_KEYS = {
    "process.runtime.version": "python_ver",
    "host.arch": "machine_arch",
    "os.type": "os_info",
    "os.description": "os_info",
}
_PREFIXES = {"package.": "packages.", "process.environment_variable.": "env_vars."}


def advise(
    db: Database,
    print_: Fingerprint,
    configuration: Mapping[str, str] | None,
    *,
    several: bool,
    sentences: bool,
    namespace: str | None = None,
) -> dict[str, Any]:
    """Answer as the API does. `configuration` is the asker's, None where it is not known.

    Only what is established is a match; leads are listed behind it. What the asker's own configuration meets comes
    first. With `several`, every similar cluster counts, else the nearest one alone.
    """
    like = clusters_like(db, print_, namespace)
    like = like if several else like[:1]
    said = [one for id_ in like for one in suggestions.of_cluster(db, id_)]
    items = [_item(db, one, configuration, sentences=sentences) for one in said]
    items.sort(key=lambda item: (item["tier"] != "established", item["applies"] is False))
    proven = [item for item in items if item["tier"] == "established"]
    reason, text = ("", "") if proven else _silence(db, like)
    return {
        "match": bool(proven),
        "confidence": proven[0]["confidence_percentage"] / 100 if proven else 0.0,
        "recommendation": proven[0]["suggestion"] if proven else text,
        "docs": f"Found {len(items)} relevant configuration pattern{'s'[: len(items) != 1]}",
        "all_suggestions": items,
        "reason": reason or None,
        "clusters": like,
    }


def _silence(db: Database, cluster_ids: Sequence[str]) -> tuple[str, str]:
    if not cluster_ids:
        return "unknown error", "No error like this has been seen."
    for id_ in cluster_ids:
        if found := suggestions.silence_of(db, id_):
            return _REASONS.get(found[0], found[0].replace("_", " ")), found[1]
    return "not analysed", "This error has been seen, and not been analysed yet."


def _item(
    db: Database, one: StoredSuggestion, configuration: Mapping[str, str] | None, *, sentences: bool
) -> dict[str, Any]:
    body: Mapping[str, Any] = one.body
    conditions = conditions_of(body["conditions"])
    (met, failing), (well, healthy) = body["failing"], body["healthy"]
    first = conditions[0]
    return {
        "suggestion": body["text"] if sentences else joined(conditions),
        "config_key": old_key(first.key),
        "config_value": first.value if first.op == "==" else f"{first.op} {first.value}".strip(),
        "confidence_percentage": round(100 * met / failing) if failing else 0,
        "significance_score": round(body["risk_ratio"], 2),
        "id": one.id,
        "cluster_id": one.cluster_id,
        "tier": one.tier,
        "conditions": body["conditions"],
        "applies": None if configuration is None else all(each.holds(configuration) for each in conditions),
        "failing": body["failing"],
        "healthy": body["healthy"],
        "healthy_share_interval": [round(bound, 4) for bound in wilson(well, healthy)],
        "adjusted_p": body["p_value"],
        "aliases": body["aliases"],
        "healthy_alternative": body["remedy"],
        "exemplar_trace_ids": [each.trace_id for each in lives.witnesses(db, one.cluster_id, 5) if each.trace_id],
    }


def old_key(key: str) -> str:
    """Name a configuration key as the old clients do.

    >>> old_key("package.numpy"), old_key("process.environment_variable.TZ"), old_key("cloud.region")
    ('packages.numpy', 'env_vars.TZ', 'cloud.region')
    """
    for prefix, old in _PREFIXES.items():
        if key.startswith(prefix):
            return old + key.removeprefix(prefix)
    return _KEYS.get(key, key)

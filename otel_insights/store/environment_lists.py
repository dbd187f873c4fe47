"""Environments as people look for them: filtered, the last heard of first, with how many clusters fail in each."""

from __future__ import annotations

from dataclasses import dataclass

from otel_insights.store.engine import Database
from otel_insights.store.environments import EnvironmentKey


@dataclass(frozen=True, slots=True)
class Listed:
    """An environment in a list. Times are nanoseconds since the epoch."""

    id: int
    key: EnvironmentKey
    version: str
    """`service.version`, empty where it told none."""
    packages: int
    exposure: float
    clusters: int
    """Clusters that were seen here."""
    first_seen_ns: int
    last_seen_ns: int

    @property
    def place(self) -> tuple[int, int]:
        """Tell where it stands in a list: what comes behind it is listed with this as `after`."""
        return self.last_seen_ns, self.id


_LATEST = 2**63 - 1
_LISTED = """
    WITH wanted (wanted_id) AS MATERIALIZED (
    SELECT environment.id FROM environment LEFT JOIN configuration ON configuration_hash = hash
    WHERE namespace = coalesce(:namespace, namespace) AND :service IN ('', service)
      AND (:text = '' OR instr(lower(instance), :text) > 0 OR instr(lower(body), :text) > 0)
      AND (:failing = -1
           OR (:failing = 1) = EXISTS (SELECT 1 FROM failure WHERE environment_id = environment.id AND weight > 0))
      AND (last_seen_ns, environment.id) < (:after, :id)
    ORDER BY last_seen_ns DESC, environment.id DESC LIMIT :limit
    )
    SELECT environment.id, namespace, service, instance,
           coalesce(json_extract(body, '$."service.version"'), ''), packages, exposure,
           (SELECT count(DISTINCT cluster_id) FROM failure JOIN fingerprint ON fingerprint.namespace = failure.namespace
            AND fingerprint.id = failure.fingerprint WHERE environment_id = environment.id AND failure.weight > 0)
           AS clusters, first_seen_ns, last_seen_ns
    FROM wanted JOIN environment ON environment.id = wanted_id
    LEFT JOIN configuration ON configuration_hash = hash
    ORDER BY last_seen_ns DESC, environment.id DESC
"""


def listed(
    db: Database,
    *,
    text: str = "",
    namespace: str | None = None,
    service: str = "",
    failing: bool | None = None,
    after: tuple[int, int] | None = None,
    limit: int = 50,
) -> list[Listed]:
    """List environments, the last heard of first. `text` is looked for in instances, and in the whole configuration."""
    rows = db.execute(
        _LISTED,
        {
            "text": text.lower(),
            "namespace": namespace,
            "service": service,
            "failing": -1 if failing is None else failing,
            "after": after[0] if after else _LATEST,
            "id": after[1] if after else 0,
            "limit": limit,
        },
    )
    return [_listed(row) for row in rows]


def _listed(row: tuple[int, str, str, str, str, int, float, int, int, int]) -> Listed:
    return Listed(row[0], EnvironmentKey(row[1], row[2], row[3]), row[4], row[5], row[6], row[7], row[8], row[9])

"""What the API answers, as types: they check the answers and make the OpenAPI document."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Shape(BaseModel):
    """A JSON object of the API."""

    model_config = ConfigDict(extra="forbid")


class Heartbeat(Shape):
    """That somebody is there."""

    service: str = Field(examples=["otel-insights"])
    version: str = Field(examples=["0.1.0"])
    status: str = Field(examples=["ok"])


class Healthz(Shape):
    """That the service is up, and which one it is."""

    status: str = Field(examples=["ok"])
    version: str = Field(examples=["0.1.0"])
    instance_id: str = Field(description="`service.instance.id` of our own telemetry")


class Received(Shape):
    """That something was accepted for good."""

    status: str = Field(examples=["success"])
    id: str = Field(description="Of what was told", examples=["abc123def456"])


class EventReceived(Shape):
    """That an event was accepted for good."""

    status: str = Field(examples=["success"])
    event_id: str = Field(examples=["6f1c1f6e-2a52-4f57-9d3b-0d3f1f5f7a10"])
    timestamp: str = Field(examples=["2026-01-02T03:04:05.000000Z"])


class Stats(Shape):
    """Counts since the service started, but for the storage."""

    events_recorded: int = Field(description="Spans and log records accepted")
    metrics_recorded: int = Field(description="Metric points accepted")
    data_retention_days: float
    storage_usage_percentage: float = Field(description="The store's size, as a share of it and the free disk")


class Health(Shape):
    """The service's health, under the names that its users' monitoring knows."""

    status: str = Field(examples=["healthy"])
    version: str
    uptime_seconds: float
    stats: Stats


class Condition(Shape):
    """A condition on a configuration; the conditions of a suggestion are joined by AND."""

    key: str = Field(examples=["package.pandas"])
    op: str = Field(examples=["<"])
    value: str = Field(examples=["2.2.2"])


class Remedy(Condition):
    """One changed value with which environments were seen healthy."""

    healthy_environments: int = Field(examples=[9])


class SuggestedItem(Shape):
    """A suggestion under the names that its users know, and what stands behind it."""

    suggestion: str = Field(
        examples=["12 of the 12 failing environments run numpy 1.24.0; none of the 15 healthy does."]
    )
    config_key: str = Field(examples=["packages.numpy"])
    config_value: str = Field(examples=["1.24.0"])
    confidence_percentage: int = Field(description="Of the failing environments, how many have it", examples=[95])
    significance_score: float = Field(description="Risk ratio", examples=[3.2])
    id: str
    cluster_id: str
    tier: str = Field(examples=["established"])
    conditions: list[Condition]
    applies: bool | None = Field(
        description="Whether the asking environment meets it; null where nothing is known of it"
    )
    failing: tuple[int, int] = Field(examples=[[12, 12]])
    healthy: tuple[int, int] = Field(examples=[[0, 15]])
    healthy_share_interval: tuple[float, float] = Field(description="Wilson, 95 %", examples=[[0.0, 0.2039]])
    adjusted_p: float = Field(description="Family-wise", examples=[0.001])
    aliases: list[list[Condition]]
    healthy_alternative: Remedy | None
    exemplar_trace_ids: list[str]


class Advice(Shape):
    """What is known to explain an error."""

    match: bool
    confidence: float = Field(examples=[0.95])
    recommendation: str
    docs: str = Field(examples=["Found 3 relevant configuration patterns"])
    all_suggestions: list[SuggestedItem]
    reason: str | None = Field(
        description="Without a match: `unknown error`, `too few environments`, `no difference`, `service-wide`, ...",
        examples=["too few environments"],
    )
    clusters: list[str] = Field(description="The clusters that were looked at")


class FixedBy(Shape):
    """A value that people say has fixed it; without a key, they said that what was suggested did."""

    key: str = Field(examples=["package.pandas"])
    value: str = Field(examples=["2.2.3"])
    reports: int


class Suggestion(Shape):
    """A configuration that failing environments share and healthy ones do not."""

    id: str
    cluster_id: str
    namespace: str
    rank: int
    tier: str = Field(description="`established`: family-wise error at most 5 %; `lead`: unproven")
    conditions: list[Condition]
    aliases: list[list[Condition]]
    failing: tuple[int, int] = Field(
        description="Failing environments that meet the conditions, and all", examples=[[17, 17]]
    )
    healthy: tuple[int, int] = Field(description="Likewise for healthy ones", examples=[[0, 212]])
    risk_ratio: float
    p_value: float
    text: str
    remedy: Remedy | None
    fixed_by: list[FixedBy]


class Silence(Shape):
    """Why nothing established is said of a cluster."""

    reason: str = Field(examples=["not_enough_environments"])
    text: str


class Cluster(Shape):
    """A group of exceptions that have one cause."""

    id: str
    state: str = Field(description="`new`, `ongoing`, `escalating`, `regressed`, `resolved` or `archived`")
    namespace: str
    title: str
    exception_type: str
    count: float = Field(description="Occurrences: each raise once, however many records tell of it")
    environments: int
    services: list[str]
    first_seen: str = Field(description="RFC 3339")
    last_seen: str = Field(description="RFC 3339")
    fingerprints: list[str]
    suggestions: list[Suggestion]
    silence: Silence | None


class Example(Shape):
    """One raise of a cluster, and where it stands in the traces."""

    fingerprint: str
    exception_type: str
    message: str
    stacktrace: str
    reasons: list[str] = Field(description="Why it has this fingerprint")
    trace_id: str
    span_id: str
    time: str


class VersionSeen(Shape):
    """A version of a service in which a cluster was seen."""

    service: str
    version: str = Field(description="`service.version`")
    first_seen: str
    last_seen: str


class Similar(Shape):
    """A cluster that is possibly the same."""

    id: str
    title: str
    similarity: float = Field(description="Of the texts, 0 to 1")


class RisenTemplate(Shape):
    """A log template that came far more often in the hours of a cluster or an anomaly. No proof of a cause."""

    id: str
    service: str
    template: str
    count: float = Field(description="Records in those hours")
    usual: float = Field(description="How many the other hours make usual for as many hours")


class Exemplar(Shape):
    """An occurrence to look at; those of the environments that began to fail last come first."""

    trace_id: str
    span_id: str
    time: str
    service: str
    instance: str


class Change(Shape):
    """What became of a cluster, or of one that went into it."""

    time: str
    cluster_id: str
    change: str = Field(description="`merged` (into `other`), `split` (off as `other`), `renamed`, or a new state")
    other: str | None
    decided_by: str = Field(description="`person`, `clustering`, `analysis` (of how often it is seen) or `quiet`")


class ClusterInFull(Cluster):
    """A cluster with its life and examples."""

    state_since: str | None
    archived_until: str | None
    resolved_by: str | None = Field(description="`person` or `quiet`")
    first_version: str | None
    versions: list[VersionSeen]
    similar: list[Similar] = Field(description="Possibly the same, and not merged")
    rose_with_templates: list[RisenTemplate]
    exemplars: list[Exemplar]
    merged_from: list[str] = Field(description="Ids that lead here")
    history: list[Change]
    examples: list[Example]


class ClusterPage(Shape):
    """Some clusters, and where the next ones begin."""

    items: list[Cluster]
    next: str | None = Field(description="Give this as `cursor` for the next page; null on the last one")

"""What the API answers about summaries, as types."""

from __future__ import annotations

from pydantic import Field

from otel_insights.api.shapes import Shape


class Summary(Shape):
    """Things that are alike, in a few sentences that follow from what is known alone."""

    cluster_id: str
    signature: str = Field(description="What they have in common")
    summary: str
    support_count: int
    services: dict[str, int]
    sample_messages: list[str]
    ts_range: tuple[str, str]
    model_version: str = Field(description="How groups and summaries are made", examples=["templates-2"])


class LogCluster(Summary):
    """Templates of all services that say the same, in a few sentences."""

    summary: str = Field(
        examples=["412 ERROR records say: connection to <*> refused. Logged by cart (400), pay (12), from ... to ..."]
    )
    template_ids: list[str]


class LogClusters(Shape):
    """The most frequent ones."""

    items: list[LogCluster]


class LogClusterInFull(LogCluster):
    """Templates of all services that say the same, with what explains them."""

    explanation: list[str] = Field(
        description="Sentences: severities, where it is new, surges or has vanished, what it rose with",
        examples=[["It surges in cart.", "It rose with the cluster TimeoutError: ... (80 in its hours, usual 2)."]],
    )


class ClusterSummary(Summary):
    """A cluster of exceptions in a few sentences."""

    explanation: list[str] = Field(
        description="Sentences: its state, what explains it by the configuration, which log lines rose with it"
    )

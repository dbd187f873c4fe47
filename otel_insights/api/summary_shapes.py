"""What the API answers about summaries, as types."""

from __future__ import annotations

from typing import Literal

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


class WrittenSummary(Shape):
    """What a language model wrote: a person asked it to."""

    text: str
    model: str
    time: str = Field(description="RFC 3339")
    is_current: bool = Field(description="Whether it was asked about all that is known now")


class Written(Shape):
    """What became of the wish for a summary by a language model."""

    written: WrittenSummary | None
    writing: str | None = Field(description="`under way`, or why there is none", examples=["under way"])


class LogCluster(Summary):
    """Templates of all services that say the same, in a few sentences."""

    summary: str = Field(
        examples=["412 ERROR records say: connection to <*> refused. Logged by cart (400), pay (12), from ... to ..."]
    )
    template_ids: list[str]


class LogClusters(Shape):
    """The most frequent ones."""

    items: list[LogCluster]


class LogClusterInFull(LogCluster, Written):
    """Templates of all services that say the same, with what explains them."""

    explanation: list[str] = Field(
        description="Sentences: severities, where it is new, surges or has vanished, what it rose with",
        examples=[["It surges in cart.", "It rose with the cluster TimeoutError: ... (80 in its hours, usual 2)."]],
    )


class ClusterSummary(Summary, Written):
    """A cluster of exceptions in a few sentences."""

    explanation: list[str] = Field(
        description="Sentences: its state, what explains it by the configuration, which log lines rose with it"
    )


class SummaryAsked(Shape):
    """That a language model is asked, in the background; its text will be with the summary."""

    status: Literal["under way"]
    model: str

"""What the API answers about log lines, as types."""

from __future__ import annotations

from pydantic import Field

from otel_insights.api.shapes import Shape


class Template(Shape):
    """What log lines of a service have in common."""

    id: str
    state: str = Field(description="`new`, `ongoing`, `surging` or `vanished`")
    namespace: str
    service: str
    template: str = Field(examples=["took <*> for <*>"])
    name: str | None = Field(description="What people call it")
    count: int = Field(description="Log records: each once, however often it came")
    severity: str = Field(description="The most frequent one", examples=["INFO"])
    severities: dict[str, int] = Field(description="Records by severity", examples=[{"INFO": 40, "WARN": 2}])
    first_seen: str = Field(description="RFC 3339")
    last_seen: str = Field(description="RFC 3339")


class TemplateRow(Template):
    """A template in a list."""

    examples: list[str] = Field(description="The first lines of it, as they came")


class TemplatePage(Shape):
    """Some templates, and where the next ones begin."""

    items: list[TemplateRow]
    next: str | None = Field(description="Give this as `cursor` for the next page; null on the last one")


class HourCount(Shape):
    """How many records there were within an hour."""

    hour: str = Field(description="Its beginning, RFC 3339")
    count: float


class LineExample(Shape):
    """A line as it came, and where it stands in the traces."""

    body: str
    severity: str
    time: str
    trace_id: str
    span_id: str


class RoseWith(Shape):
    """A cluster of exceptions, or an anomaly, in whose hours a template came far more often. No proof of a cause."""

    id: str
    title: str
    count: float = Field(description="Records in those hours")
    usual: float = Field(description="How many the other hours make usual for as many hours")


class TemplateInFull(Template):
    """A template with its hours and first lines."""

    hours: list[HourCount] = Field(description="The last 48 hours of the service's log")
    examples: list[LineExample]
    merged_from: list[str] = Field(description="Ids that lead here")
    rose_with_clusters: list[RoseWith]
    rose_with_anomalies: list[RoseWith]


class LogRow(Shape):
    """A log record of the window."""

    time: str = Field(description="RFC 3339")
    namespace: str
    service: str
    instance: str
    severity: str
    body: str
    template_id: str
    template: str
    trace_id: str
    span_id: str
    attributes: dict[str, str] = Field(description="As text, long values cut")


class LogPage(Shape):
    """Some log records, and where the next ones begin."""

    items: list[LogRow]
    next: str | None = Field(description="Give this as `cursor` for the next page; null at the end of the window")

"""The sections of a configuration file that are ours rather than a component's, with their defaults."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import platformdirs
from pydantic import AfterValidator, Field, model_validator

from otel_insights.component import Settings
from otel_insights.endpoint import Endpoint
from otel_insights.errors import ConfigError
from otel_insights.store.database import path_of
from otel_insights.units import Duration


def _store_url(text: str) -> str:
    try:
        path_of(text)
    except ConfigError as error:
        raise ValueError(error.expected) from error
    return text


def default_store_url() -> str:
    """Name the file where insights are kept if nothing else is said: below the platform's data directory."""
    return f"sqlite:///{platformdirs.user_data_path('otel-insights', appauthor=False) / 'insights.db'}"


class Section(Settings):
    """A part of the file in which a key without a value means the default, as it does for the Collector."""

    null_means_off: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, data: Any) -> Any:  # noqa: ANN401 - whatever YAML gave
        if not isinstance(data, dict):
            return data
        skipped = cls.model_fields.keys() - cls.null_means_off
        return {key: value for key, value in data.items() if value is not None or key not in skipped}


class StoreSection(Section):
    """`store`: where insights are kept."""

    url: Annotated[str, AfterValidator(_store_url)] = Field(default_factory=default_store_url)
    """`sqlite:///FILE`, or `sqlite://` to forget all at the end."""


class ApiSection(Section):
    """`api`: the HTTP API and the page. `api: null` switches them off."""

    endpoint: Endpoint = "127.0.0.1:8080"


class AnalysisSection(Section):
    """`analysis`: the long work, which is clustering and the search for explanations."""

    interval: Duration = Field(default=10.0, gt=0)
    """Time from the end of one analysis to the next, which is left out if nothing arrived meanwhile."""


class LogsSection(Section):
    """`service.telemetry.logs`: what we say ourselves, on standard error."""

    level: Literal["debug", "info", "warn", "error"] = "info"


class TelemetrySection(Section):
    """`service.telemetry`: what we tell about ourselves."""

    logs: LogsSection = LogsSection()


class PipelineSection(Section):
    """`service.pipelines.<signal>[/name]`: component ids, in the order in which telemetry passes them."""

    receivers: list[str] = Field(default_factory=list)
    processors: list[str] = Field(default_factory=list)
    exporters: list[str] = Field(default_factory=list)


class ServiceSection(Section):
    """`service`: which components are used, and how they are joined."""

    pipelines: dict[str, PipelineSection | None] = Field(default_factory=dict)
    telemetry: TelemetrySection = TelemetrySection()


class File(Section):
    """A whole file. What a component's settings mean is its own matter, and checked apart."""

    null_means_off = frozenset({"api"})

    receivers: dict[str, Any] = Field(default_factory=dict)
    processors: dict[str, Any] = Field(default_factory=dict)
    exporters: dict[str, Any] = Field(default_factory=dict)
    store: StoreSection = Field(default_factory=StoreSection)
    api: ApiSection | None = ApiSection()
    analysis: AnalysisSection = AnalysisSection()
    service: ServiceSection = ServiceSection()

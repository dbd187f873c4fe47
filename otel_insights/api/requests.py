"""What the API takes, as types: they check what comes, and make the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from otel_insights.api.telemetry import nanoseconds


def _in_range(time: datetime) -> datetime:
    nanoseconds(time)
    return time


Moment = Annotated[datetime, AfterValidator(_in_range), Field(examples=["2026-01-02T03:04:05Z"])]
"""ISO 8601, or seconds since the epoch; UTC where no zone is named."""
Name = Annotated[str, Field(min_length=1, max_length=255)]
Text = Annotated[str, Field(max_length=65_536)]


class Asked(BaseModel):
    """A JSON object that a client sends. Members that nobody knows are passed over: old clients have some."""

    model_config = ConfigDict(extra="ignore")


class EnvironmentUpload(Asked):
    """What is installed where a script runs."""

    env_hash: Name = Field(examples=["abc123def456"])
    machine_arch: str | None = Field(None, max_length=255, examples=["x86_64"])
    packages: dict[str, str | None] | list[str] = Field(
        default_factory=dict,
        examples=[{"numpy": "1.24.0", "pandas": "2.0.0"}],
        description='By name; or as requirements, `["numpy==1.24.0", "pandas>=2.0.0"]`',
    )
    python_ver: str | None = Field(None, max_length=255, examples=["3.9.7"])
    os_info: str | None = Field(None, max_length=1024, examples=["Linux-5.15"])
    env_vars: dict[str, Any] = Field(
        default_factory=dict,
        examples=[{"OMP_NUM_THREADS": "4"}],
        description="Names that look like secrets are left out",
    )


class Beacon(Asked):
    """That something happened in a script."""

    kind: Name = Field("error", examples=["error"])
    env_hash: Name = Field(examples=["abc123def456"])
    script_id: str = Field("", max_length=1024, examples=["train.py"])
    error_sig: Text = Field("", examples=["ImportError: numpy.core.multiarray failed to import"])
    trace: str = Field("", max_length=2**20, examples=["Traceback (most recent call last): ..."])
    ts: Moment


class SuggestionWanted(Asked):
    """An error to explain, as the beacons tell of it."""

    error_sig: Text = Field(min_length=1, examples=["ImportError: numpy.core.multiarray failed to import"])
    env_hash: str = Field("", max_length=255, examples=["abc123def456"])
    use_multiple_clusters: bool = Field(default=False, description="Of every similar cluster, not of the nearest alone")
    format_response: bool = Field(default=True, description="Sentences; else conditions, for a program")


class ExceptionToExplain(Asked):
    """An exception to explain, as OpenTelemetry records it."""

    exception_type: Name = Field(alias="exception.type", examples=["ValueError"])
    message: Text = Field("", alias="exception.message", examples=["numpy.dtype size changed"])
    stacktrace: str = Field("", alias="exception.stacktrace", max_length=2**20)
    namespace: str | None = Field(None, alias="service.namespace", max_length=255)
    several: bool = Field(default=False, description="Of every similar cluster, not of the nearest alone")


class MetricPoint(Asked):
    """One value of a metric."""

    service: Name = Field(examples=["checkout"])
    metric: Name = Field(examples=["latency_ms"])
    value: float = Field(allow_inf_nan=False, examples=[120.5])
    ts: Moment
    labels: dict[str, Any] | None = Field(None, examples=[{"region": "eu"}])


class LogLine(Asked):
    """One line of a log."""

    service: Name = Field(examples=["checkout"])
    level: str = Field(max_length=32, examples=["ERROR"])
    message: Text = Field(examples=["payment 17 failed: card declined"])
    ts: Moment
    context: dict[str, Any] | None = Field(None, examples=[{"order": 17}])


class ClientEvent(Asked):
    """An event of an application on somebody's machine."""

    hwid: Name = Field(
        examples=["6f1c1f6e-2a52-4f57-9d3b-0d3f1f5f7a10"], description="Names the installation, no person"
    )
    event_name: Name = Field(examples=["query.executed"])
    app_version: str = Field("", max_length=255, examples=["1.4.0"])
    client_type: Name = Field("client", examples=["vector-inspector"])
    metadata: dict[str, Any] = Field(default_factory=dict, examples=[{"db_type": "chroma", "result_count": 12}])
    event_id: str = Field("", max_length=255, description="With one, the event counts once however often it comes")
    timestamp: Moment | None = None


class SourceEvent(Asked):
    """An event of a part of a system."""

    event_type: Name = Field(examples=["OPERATION"])
    source: Name = Field(examples=["importer"])
    data: dict[str, Any] = Field(default_factory=dict, examples=[{"rows": 12}])
    event_id: str = Field("", max_length=255)
    timestamp: Moment | None = None

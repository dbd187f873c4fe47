"""The sections of a configuration file that are ours rather than a component's, with their defaults."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import platformdirs
from pydantic import AfterValidator, Field, SecretStr, model_validator

from otel_insights.component import Settings
from otel_insights.endpoint import Endpoint, host_and_port
from otel_insights.errors import ConfigError
from otel_insights.exporters.webhook_poster import check_url
from otel_insights.receivers.otlp_doors import TlsSettings
from otel_insights.store.location import check
from otel_insights.units import ByteSize, Duration


def _store_url(text: str) -> str:
    try:
        check(text)
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
    """`sqlite:///FILE`; `postgresql://USER@HOST/DATABASE`; `sqlite://` to forget all at the end."""


class ApiAuthSection(Section):
    """`api.auth`: bearer tokens (RFC 6750), themselves or in files. Who may write may read as well."""

    read_token: SecretStr | None = None
    read_token_file: Path | None = None
    write_token: SecretStr | None = None
    write_token_file: Path | None = None

    @model_validator(mode="after")
    def _some_and_each_once(self) -> ApiAuthSection:
        for scope in ("read", "write"):
            if getattr(self, f"{scope}_token") and getattr(self, f"{scope}_token_file"):
                raise ValueError(f"expected {scope}_token or {scope}_token_file, and not both")
        if not any(getattr(self, name) for name in type(self).model_fields):
            raise ValueError("expected a token: write_token, write_token_file, read_token or read_token_file")
        return self

    def token(self, scope: Literal["read", "write"]) -> bytes | None:
        """Give the token of a scope, None without one. Raises ConfigError for one that is empty or not there."""
        own, file = getattr(self, f"{scope}_token"), getattr(self, f"{scope}_token_file")
        if own is None and file is None:
            return None
        path = f"api.auth.{scope}_token" + ("_file" if file else "")
        try:
            token: bytes = file.read_bytes().strip() if file else own.get_secret_value().strip().encode()
        except OSError as error:
            raise ConfigError(path, "a file that can be read", f"{file}: {error.strerror}") from error
        if not token:
            raise ConfigError(path, "expected a token that is not empty")
        return token


def _trace_url(text: str) -> str:
    if text and not (text.startswith(("http://", "https://")) and "{trace_id}" in text):
        raise ValueError(f"expected http:// or https:// with {{trace_id}} in it, got {text!r}")
    return text


class ApiSection(Section):
    """`api`: the HTTP API and the page. `api: null` switches them off."""

    endpoint: Endpoint = "127.0.0.1:8080"
    auth: ApiAuthSection | None = None
    """Without it, everybody who reaches the endpoint may read and write."""
    allow_anonymous: bool = False
    """Says that an endpoint which is not on loopback is meant to be open to everybody."""
    allowed_hosts: tuple[str, ...] = ()
    """Names, other than addresses and names without a dot, under which browsers may ask where there is no token."""
    tls: TlsSettings | None = None
    max_body_bytes: ByteSize = Field(default=4 * 2**20, ge=1)
    requests_per_second: int = Field(default=100, ge=0)
    """Of each client (address), with twice as many at once; 0 sets no limit."""
    trace_url: Annotated[str, AfterValidator(_trace_url)] = ""
    """Where the page's links to traces lead: Jaeger's or Grafana's URL with `{trace_id}`, perhaps `{span_id}`."""

    @model_validator(mode="after")
    def _nobody_is_let_in_by_accident(self) -> ApiSection:
        host, _ = host_and_port(self.endpoint)
        if self.auth is None and not self.allow_anonymous and not is_loopback(host):
            raise ValueError(
                f"expected auth with a token, since {self.endpoint} is not on loopback"
                " (allow_anonymous: true lets everybody in), got none"
            )
        return self


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine and reachable from nowhere else.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("insights.example")
    (True, True, False, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class AnalysisSection(Section):
    """`analysis`: the long work, which is clustering and the search for explanations."""

    interval: Duration = Field(default=10.0, gt=0)
    """Time from the end of one analysis to the next, which is left out if nothing arrived meanwhile."""


def _endpoint_url(text: str) -> str:
    try:
        check_url(text)
    except ValueError:
        raise ValueError("expected a URL such as https://api.openai.com/v1, without credentials") from None
    return text.rstrip("/")


class SummariserSection(Section):
    """`summariser`: a language model that people may ask for a summary. Without it none is ever asked."""

    endpoint: Annotated[str, AfterValidator(_endpoint_url)]
    """What stands before `/chat/completions`."""
    model: str = Field(min_length=1, max_length=200)
    api_key: SecretStr | None = None
    """Sent as a bearer token."""
    timeout: Duration = Field(default=30.0, gt=0)
    tokens_per_day: int = Field(default=100_000, ge=1)
    """Of questions and replies together, a day of UTC: no question is asked that could bring it above."""
    max_tokens: int = Field(default=400, ge=16)
    """Of one reply."""
    max_tokens_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """How the endpoint calls that."""


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

    null_means_off = frozenset({"api", "summariser"})

    receivers: dict[str, Any] = Field(default_factory=dict)
    processors: dict[str, Any] = Field(default_factory=dict)
    exporters: dict[str, Any] = Field(default_factory=dict)
    store: StoreSection = Field(default_factory=StoreSection)
    api: ApiSection | None = ApiSection()
    analysis: AnalysisSection = AnalysisSection()
    summariser: SummariserSection | None = None
    service: ServiceSection = ServiceSection()

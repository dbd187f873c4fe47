"""redaction: takes secrets, and what identifies people and machines, out of all that passes."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from otel_insights.component import Accepted, Consume, Factory, Host, Kind, Processor, Settings
from otel_insights.errors import BadData, InsightsError
from otel_insights.otlp_redaction import RequestRedactor
from otel_insights.payload import Payload
from otel_insights.redaction import RULES, Redactor, checked_pattern, salted
from otel_insights.stack_reduction import Mode

_log = logging.getLogger(__name__)

Rule = Literal["secrets", "cards", "emails", "hosts", "ips", "homes"]


class RedactionSettings(Settings):
    """What is taken out. Put it after `memory_limiter`, before all that looks at telemetry."""

    rules: tuple[Rule, ...] = RULES
    """What is looked for."""
    salt: SecretStr = SecretStr("")
    """With one, hosts and addresses leave as `[kind:16 hex digits]`, equal ones alike; without, as `[kind]`."""
    stacktrace: Mode = "full"
    """What is left of a stack trace: all but secrets; places and types; a hash of functions and types."""
    keep: tuple[str, ...] = ("service.name", "service.namespace", "service.instance.id", "service.version", "host.name")
    """Attributes that stay as they are."""
    hash: tuple[str, ...] = ()
    """Attributes whose values leave as 16 hex digits, equal ones alike; needs a salt."""
    patterns: tuple[Annotated[str, AfterValidator(checked_pattern)], ...] = Field(default=())
    """Regular expressions (of Python) of what else is a secret."""

    @model_validator(mode="after")
    def _salted(self) -> RedactionSettings:
        salted(self.hash, self.salt.get_secret_value())
        return self


@dataclass(slots=True)
class Redaction(Processor):
    """Cleans each request before anybody else sees it; what cannot be cleaned does not pass."""

    settings: RedactionSettings
    _cleaned: RequestRedactor = field(init=False)

    async def start(self, host: Host) -> None:
        """Make the rules ready."""
        self.host = host
        settings = self.settings
        redactor = Redactor.of(
            salt=settings.salt.get_secret_value(),
            rules=settings.rules,
            keep=settings.keep,
            hash=settings.hash,
            patterns=settings.patterns,
        )
        self._cleaned = RequestRedactor(redactor, settings.stacktrace)
        host.metrics.begin("otel_insights_redactions", processor=str(self.id))

    async def process(self, payload: Payload, forward: Consume) -> Accepted:
        """Clean a payload, then forward. Raises BadData for one that cannot be cleaned."""
        cleaned = self._clean(payload)
        if cleaned != payload.data:
            payload = Payload(payload.signal, cleaned, replay=payload.replay)
        return await forward(payload)

    def _clean(self, payload: Payload) -> bytes:
        redactor = self._cleaned.redactor
        before = redactor.count
        try:
            cleaned = self._cleaned.request(payload.signal, payload.data)
        except InsightsError:
            raise
        except Exception as error:
            # a bug of ours, and the same at every retry: rather lost than leaked
            _log.exception("processors.%s: a request could not be cleaned, and is refused", self.id)
            raise BadData("it could not be cleaned of secrets") from error
        if replaced := redactor.count - before:
            self.host.metrics.add("otel_insights_redactions", replaced, processor=str(self.id))
        return cleaned


FACTORY = Factory(Kind.PROCESSOR, "redaction", RedactionSettings, Redaction, frozenset({"traces", "logs", "metrics"}))

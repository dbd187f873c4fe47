"""The way in for what comes by JSON: the pipelines, which answer when it has been accepted for good."""

from __future__ import annotations

from dataclasses import dataclass

from otel_insights.api.problems import Problem
from otel_insights.component import Accepted, Kind
from otel_insights.payload import Payload
from otel_insights.selfmetrics import passed
from otel_insights.service import Service

_LABELS = {"receiver": "api", "transport": "http"}


@dataclass(frozen=True, slots=True)
class Entrance:
    """Hands payloads to the pipelines of a running service, and counts them as a receiver does."""

    service: Service

    async def take(self, payload: Payload) -> Accepted:
        """Return when the payload has been accepted. Raises Problem, Refused or BadData."""
        consume = self.service.entrance(payload.signal)
        if consume is None:
            told = f"expected a pipeline of {payload.signal.value} in the configuration, there is none"
            raise Problem(501, "NO_PIPELINE", told)
        outcome = "refused"
        try:
            answer = await consume(payload)
            outcome = "accepted"
        finally:
            name = passed(Kind.RECEIVER, payload.signal.item, outcome)
            self.service.metrics.add(name, payload.count, **_LABELS)
        return answer

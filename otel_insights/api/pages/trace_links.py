"""Where a trace can be seen, as the configuration says it."""

from __future__ import annotations

from dataclasses import dataclass

from otel_insights.service import Service


@dataclass(frozen=True, slots=True)
class TraceLinks:
    """Writes where a trace can be seen; "" where nobody said where that is, or it has no id."""

    url: str

    def __call__(self, trace_id: str, span_id: str) -> str:
        """Fill in the ids."""
        if not (self.url and trace_id):
            return ""
        return self.url.replace("{trace_id}", trace_id).replace("{span_id}", span_id)


def trace_links(service: Service) -> TraceLinks:
    """Give those of a service (`api.trace_url`)."""
    return TraceLinks(service.config.api.trace_url if service.config.api else "")

"""The HTTP API: what has been found, as JSON."""

from otel_insights.api.app import create_app

__all__ = ["create_app"]

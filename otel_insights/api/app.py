"""The FastAPI app over a running service."""

from __future__ import annotations

from fastapi import FastAPI

from otel_insights.api import clusters, health, problems
from otel_insights.service import Service


def create_app(service: Service) -> FastAPI:
    """Make the app. The service must be running whenever a request comes."""
    app = FastAPI(
        title="otel-insights",
        version=health.VERSION,
        summary="Groups of exceptions, and the configuration that explains them",
        license_info={"name": "MIT", "identifier": "MIT"},
    )
    problems.install(app)
    app.include_router(health.routes(service))
    app.include_router(clusters.routes(service))
    return app

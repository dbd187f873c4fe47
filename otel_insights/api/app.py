"""The FastAPI app over a running service."""

from __future__ import annotations

from fastapi import FastAPI

from otel_insights.api import (
    analysis,
    anomalies,
    beacons,
    cluster_corrections,
    clusters,
    environments,
    events,
    feedback,
    health,
    incidents,
    ingest,
    logs,
    metrics,
    problems,
    runs,
    seen_events,
    suggest,
    suggestions,
    summaries,
    templates,
)
from otel_insights.api.access import Tokens
from otel_insights.api.described import describe
from otel_insights.api.guard import Guard
from otel_insights.api.pages import contents
from otel_insights.api.request_ids import RequestIds
from otel_insights.api.version import VERSION
from otel_insights.config.sections import ApiSection
from otel_insights.service import Service


def create_app(service: Service) -> FastAPI:
    """Make the app. The service must be running whenever a request comes.

    Raises ConfigError for a token of the configuration that cannot be read.
    """
    section = service.config.api or ApiSection()
    tokens = Tokens.of(section.auth)
    app = FastAPI(
        title="otel-insights",
        version=VERSION,
        summary="Groups of exceptions, and the configuration that explains them",
        license_info={"name": "MIT", "identifier": "MIT"},
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(Guard, section=section, tokens=tokens, metrics=service.metrics)
    app.add_middleware(RequestIds)  # around the guard, whose refusals have ids too
    problems.install(app)
    describe(app)
    contents.install(app, service, tokens)
    for subject in (
        health,
        analysis,
        clusters,
        cluster_corrections,
        suggest,
        suggestions,
        feedback,
        environments,
        anomalies,
        incidents,
        templates,
        summaries,
        logs,
        metrics,
        runs,
        beacons,
        ingest,
        events,
        seen_events,
    ):
        app.include_router(subject.routes(service))
    return app

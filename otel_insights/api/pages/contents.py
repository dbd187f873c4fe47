"""The pages that there are, in the order in which the navigation names them: a new one has its line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.exceptions import HTTPException

from otel_insights.api.access import Tokens
from otel_insights.api.pages import (
    anomaly,
    anomaly_list,
    assets,
    cluster,
    cluster_forms,
    cluster_list,
    cluster_map,
    environment,
    environment_list,
    log_cluster_list,
    log_list,
    login,
    overview,
    reference,
    run,
    run_changes,
    run_charts,
    run_list,
    settings,
    suggestion_forms,
    summary_forms,
    template,
    template_forms,
    template_list,
)
from otel_insights.api.pages.rendering import Frame, page, wants_page
from otel_insights.api.problems import problem_of
from otel_insights.service import Service


@dataclass(frozen=True, slots=True)
class Contents:
    """A page: its path, its name in the navigation (none, if that does not lead to it), and what makes its routes."""

    path: str
    name: str
    routes: Callable[[Service], APIRouter]


PAGES: Final = (
    Contents("/", "Overview", overview.routes),
    Contents("/clusters", "Clusters", cluster_list.routes),
    Contents("/clusters/{cluster_id}", "", cluster.routes),
    Contents("/clusters/{cluster_id}/...", "", cluster_forms.routes),
    Contents("/suggestions/{suggestion_id}/feedback", "", suggestion_forms.routes),
    Contents("/map", "Map", cluster_map.routes),
    Contents("/anomalies", "Anomalies", anomaly_list.routes),
    Contents("/anomalies/{anomaly_id}", "", anomaly.routes),
    Contents("/templates", "Templates", template_list.routes),
    Contents("/templates/{template_id}", "", template.routes),
    Contents("/templates/...", "", template_forms.routes),
    Contents("/log-clusters", "", log_cluster_list.routes),
    Contents("/.../{cluster_id}/summary", "", summary_forms.routes),
    Contents("/logs", "Logs", log_list.routes),
    Contents("/environments", "Environments", environment_list.routes),
    Contents("/environments/{number}", "", environment.routes),
    Contents("/runs", "Runs", run_list.routes),
    Contents("/runs/analytics", "", run_charts.routes),
    Contents("/runs/changes/{id_}", "", run_changes.routes),
    Contents("/runs/{event_id}", "", run.routes),
    Contents("/settings", "Settings", settings.routes),
)


def install(app: FastAPI, service: Service, tokens: Tokens) -> None:
    """Give an app its pages. Before the API's own routes, since a browser that asks for `/` wants the page."""
    navigation = (*((one.path, one.name) for one in PAGES if one.name), ("/docs", "API"))
    app.state.frame = Frame(navigation, service.now_ns)
    json_answer = app.exception_handlers[HTTPException]

    @app.exception_handler(HTTPException)
    async def lost(request: Request, error: HTTPException) -> Response:
        """Tell a person who is at no page of ours so."""
        if wants_page(request) and not request.url.path.startswith("/api/"):
            return page(request, "problem.html", {"told": problem_of(error)}, error.status_code)
        return await json_answer(request, error)  # type: ignore[no-any-return, misc] # problems.install made it

    for one in PAGES:
        app.include_router(one.routes(service))
    app.include_router(assets.routes())
    app.include_router(login.routes(tokens))
    app.include_router(reference.routes(app))

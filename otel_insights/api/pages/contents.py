"""The pages that there are, in the order in which the navigation names them: a new one has its line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, FastAPI

from otel_insights.api.access import Tokens
from otel_insights.api.pages import assets, cluster_list, login, overview, reference
from otel_insights.api.pages.rendering import Frame
from otel_insights.service import Service


@dataclass(frozen=True, slots=True)
class Contents:
    """A page, and those below it: where they are, what the navigation calls them, and what makes their routes."""

    path: str
    name: str
    routes: Callable[[Service], APIRouter]


PAGES: Final = (
    Contents("/", "Overview", overview.routes),
    Contents("/clusters", "Clusters", cluster_list.routes),
)


def install(app: FastAPI, service: Service, tokens: Tokens) -> None:
    """Give an app its pages. Before the API's own routes, since a browser that asks for `/` wants the page."""
    navigation = (*((one.path, one.name) for one in PAGES), ("/docs", "API"))
    app.state.frame = Frame(navigation, service.now_ns)
    for one in PAGES:
        app.include_router(one.routes(service))
    app.include_router(assets.routes())
    app.include_router(login.routes(tokens))
    app.include_router(reference.routes(app))

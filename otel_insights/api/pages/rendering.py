"""How a page is written: Jinja templates that escape everything, and headers that let a browser run nothing else."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.routing import Match

from otel_insights.api.pages import formats
from otel_insights.api.problems import Problem, problem_of
from otel_insights.api.version import VERSION
from otel_insights.errors import BadData, Refused
from otel_insights.store.corrections import WrongCorrection

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_LONGEST_SAID = 300
_templates = Environment(
    loader=PackageLoader("otel_insights.api.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters.update(formats.FILTERS)


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page of an app shows or needs; the app keeps it as `state.frame`."""

    navigation: tuple[tuple[str, str], ...]
    """Paths and names."""
    clock: Callable[[], int]
    """Nanoseconds since the epoch."""


def page(request: Request, template: str, values: Mapping[str, Any] | None = None, status: int = 200) -> HTMLResponse:
    """Render a template as a whole page."""
    frame: Frame = request.app.state.frame
    common = {
        "navigation": frame.navigation,
        "now_ns": frame.clock(),
        "path": request.url.path,
        "version": VERSION,
        "may_write": request.scope.get("otel_insights.scope") == "write",
        "said": request.query_params.get("said", "")[:_LONGEST_SAID],
        "signed_in": "otel_insights_session" in request.cookies,
    }
    text = _templates.get_template(template).render({**common, **(values or {})})
    return HTMLResponse(text, status, HEADERS)


class PageRoute(APIRoute):
    """A route that answers a browser's mistakes with a page; to others an error is the same as the API's."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Handle as any route does, but for errors."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except (HTTPException, RequestValidationError, WrongCorrection, BadData, Refused) as error:
                if not wants_page(request):
                    raise
                told = problem_of(error)
                return page(request, "problem.html", {"told": told}, told.status_code)

        return answer


class BrowserRoute(PageRoute):
    """A route that others than browsers do not see, for a path under which they get JSON."""

    def matches(self, scope: MutableMapping[str, Any]) -> tuple[Match, MutableMapping[str, Any]]:
        """Match as any route does, for who asks for a page."""
        asked = scope["type"] == "http" and wants_page(Request(scope))
        return super().matches(scope) if asked else (Match.NONE, {})


def pages(*, beside_json: bool = False) -> APIRouter:
    """Make a router for pages, which the API's description leaves out.

    `beside_json`: of paths that are routes of the API as well, and pages to browsers alone.
    """
    return APIRouter(include_in_schema=False, route_class=BrowserRoute if beside_json else PageRoute)


def wants_page(request: Request) -> bool:
    """Tell whether somebody asks with a browser."""
    return "text/html" in request.headers.get("accept", "")


async def form_of(request: Request) -> dict[str, str]:
    """Read a form. Raises Problem for what is none. Of fields of one name the last one counts."""
    return dict(await fields_of(request))


def given(form: Mapping[str, str], name: str) -> str:
    """Read a form's field. Raises Problem where there is none."""
    if name not in form:
        raise Problem(422, "INVALID_REQUEST", f"{name}: expected a field of this name")
    return form[name]


async def fields_of(request: Request) -> list[tuple[str, str]]:
    """Read a form's fields in their order, blank ones as well. Raises Problem for what is no form."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise Problem(415, "UNSUPPORTED_MEDIA_TYPE", "expected a form, application/x-www-form-urlencoded")
    try:
        text = (await request.body()).decode("ascii")
        return parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict", max_num_fields=1000)
    except ValueError as error:
        raise Problem(422, "INVALID_REQUEST", f"expected a form, got one that cannot be read: {error}") from error


def back_to(path: str, said: str = "") -> RedirectResponse:
    """Send a browser on after a form, so that reloading does not send it again.

    `path` is ours; `said` is shown there.
    """
    return RedirectResponse(path + (f"?{urlencode({'said': said})}" if said else ""), 303, HEADERS)


def query(path: str, **values: str | None) -> str:
    """Write a link of a list: blank filters are left out.

    >>> query("/clusters", state="new", service="", namespace=None)
    '/clusters?state=new'
    """
    kept = {key: value for key, value in values.items() if value}
    return path + (f"?{urlencode(kept)}" if kept else "")

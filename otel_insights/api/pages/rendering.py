"""How a page is written: Jinja templates that escape everything, and headers that let a browser run nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from otel_insights.api.pages import formats
from otel_insights.api.problems import Problem
from otel_insights.api.version import VERSION

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
NAVIGATION = (("/docs", "API"),)
_templates = Environment(
    loader=PackageLoader("otel_insights.api.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters.update(formats.FILTERS)


def page(request: Request, template: str, values: Mapping[str, Any] | None = None, status: int = 200) -> HTMLResponse:
    """Render a template as a whole page."""
    common = {
        "navigation": NAVIGATION,
        "path": request.url.path,
        "version": VERSION,
        "may_write": request.scope.get("otel_insights.scope") == "write",
        "said": request.query_params.get("said", "")[:300],
        "signed_in": "otel_insights_session" in request.cookies,
    }
    text = _templates.get_template(template).render({**common, **(values or {})})
    return HTMLResponse(text, status, HEADERS)


async def form_of(request: Request) -> dict[str, str]:
    """Read a form. Raises Problem for what is none. Of fields of one name the last one counts."""
    return dict(await fields_of(request))


async def fields_of(request: Request) -> list[tuple[str, str]]:
    """Read a form's fields in their order, blank ones as well. Raises Problem for what is no form."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise Problem(415, "UNSUPPORTED_MEDIA_TYPE", "expected a form, application/x-www-form-urlencoded")
    try:
        text = (await request.body()).decode("ascii")
        return parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict", max_num_fields=1000)
    except ValueError as error:
        raise Problem(422, "INVALID_REQUEST", f"expected a form, got one that cannot be read: {error}") from error


def back_to(path: str) -> RedirectResponse:
    """Send a browser on after a form, so that reloading does not send it again. `path` is ours."""
    return RedirectResponse(path, 303, HEADERS)

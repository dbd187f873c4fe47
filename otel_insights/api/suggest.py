"""/suggest and /api/v1/suggest: what is known to explain an error."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse

from otel_insights.advice import advise
from otel_insights.analysis.fingerprint import Fingerprint, fingerprint
from otel_insights.api.beacons import SCRIPTS, signature
from otel_insights.api.requests import ExceptionToExplain, SuggestionWanted
from otel_insights.api.shapes import Advice
from otel_insights.component import Kind
from otel_insights.service import Service
from otel_insights.store import environments
from otel_insights.store.environments import EnvironmentKey

_PLAIN: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"example": "12 of the 12 failing environments run numpy 1.24.0; none of ..."}}}
}
Format = Annotated[
    Literal["json", "text"] | None, Query(description="Without it, what the header Accept says", alias="format")
]


def routes(service: Service) -> APIRouter:
    """Make the routes over a running service."""
    router = APIRouter(tags=["suggestions"])

    @router.post("/suggest", summary="Explain an error that a script met", response_model=Advice, responses=_PLAIN)
    async def suggest(request: Request, body: SuggestionWanted, format_: Format = None) -> Response | dict[str, Any]:
        """Tell what explains an error, as the old clients ask for it."""
        wanted = fingerprint(*signature(body.error_sig), "")
        configuration = await _configuration(service, body.env_hash)
        found = await service.store.read(
            advise,
            wanted,
            configuration,
            several=body.use_multiple_clusters,
            sentences=body.format_response,
        )
        return _answer(request, format_, found)

    @router.post("/api/v1/suggest", summary="Explain an exception", response_model=Advice, responses=_PLAIN)
    async def explain(request: Request, body: ExceptionToExplain, format_: Format = None) -> Response | dict[str, Any]:
        """Tell what explains an exception, known by its stack trace, or else by its text."""
        wanted = _fingerprint(service, body)
        found = await service.store.read(
            advise, wanted, None, several=body.several, sentences=True, namespace=body.namespace
        )
        return _answer(request, format_, found)

    return router


def _answer(request: Request, wanted: str | None, found: dict[str, Any]) -> Response | dict[str, Any]:
    accept = request.headers.get("accept", "")
    if wanted == "text" or (wanted is None and accept.startswith("text/plain")):
        return PlainTextResponse(found["recommendation"] + "\n")
    return found


async def _configuration(service: Service, env_hash: str) -> dict[str, str] | None:
    key = EnvironmentKey("", SCRIPTS, env_hash)
    number = await service.store.read(environments.number_of, key) if env_hash else None
    return None if number is None else await service.store.read(environments.configuration_of, number)


def _fingerprint(service: Service, body: ExceptionToExplain) -> Fingerprint:
    """Fingerprint as the service's own processor does."""
    own: tuple[str, ...] = ()
    library: tuple[str, ...] = ()
    for id_ in service.processors:
        if id_.type == "exceptions":
            settings: Any = service.config.components[Kind.PROCESSOR][id_]
            own, library = tuple(settings.own_modules), tuple(settings.library_modules)
    return fingerprint(body.exception_type, body.message, body.stacktrace, own=own, library=library)

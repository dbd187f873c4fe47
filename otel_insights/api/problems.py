"""Errors of the API, in one shape: problem details (RFC 9457) with a `code` that programs can rely on."""

from __future__ import annotations

import http
import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from otel_insights.errors import BadData, Refused
from otel_insights.store.corrections import WrongCorrection

_log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"


class Problem(HTTPException):
    """An error to answer with: an HTTP status, a stable code, and a sentence for a person.

    `more` are further members of the answer, which may replace those that RFC 9457 names.
    """

    def __init__(self, status: int, code: str, detail: str, more: Mapping[str, Any] | None = None) -> None:
        super().__init__(status, detail)
        self.code = code
        self.more = more or {}


def problem_answer(
    status: int,
    code: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """Write an error as the API answers it."""
    body = {"type": "about:blank", "title": _phrase(status), "status": status, "code": code, "detail": detail}
    return JSONResponse({**body, **(more or {})}, status, headers, media_type=MEDIA_TYPE)


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def install(app: FastAPI) -> None:
    """Let every error of an app be answered in this shape."""

    @app.exception_handler(HTTPException)
    async def known(_: Request, error: HTTPException) -> JSONResponse:
        code = getattr(error, "code", None) or _phrase(error.status_code).upper().replace(" ", "_")
        headers, more = dict(error.headers or {}), getattr(error, "more", None)
        return problem_answer(error.status_code, code, str(error.detail), headers, more)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return problem_answer(422, "INVALID_REQUEST", f"{place}: {first['msg']}")

    @app.exception_handler(WrongCorrection)
    async def wrong(_: Request, error: WrongCorrection) -> JSONResponse:
        unknown = str(error).startswith("there is no ")
        return problem_answer(404 if unknown else 409, "UNKNOWN_SUBJECT" if unknown else "WRONG_CORRECTION", str(error))

    @app.exception_handler(BadData)
    async def bad(_: Request, error: BadData) -> JSONResponse:
        return problem_answer(400, "BAD_DATA", str(error))

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> JSONResponse:
        return problem_answer(503, "TRY_AGAIN", str(error), {"Retry-After": str(round(error.retry_after or 1))})

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> JSONResponse:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem_answer(500, "INTERNAL", "an error of ours: it has been logged")

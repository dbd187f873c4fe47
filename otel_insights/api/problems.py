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

from otel_insights.api.request_ids import HEADER, request_id
from otel_insights.errors import BadData, Refused
from otel_insights.store.corrections import WrongCorrection

_log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"


class Problem(HTTPException):
    """An error to answer with: an HTTP status, a stable code, and a sentence for a person.

    `more` are further members of the answer, which may replace those that RFC 9457 names.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, headers)
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
    if id_ := request_id():
        body["request_id"] = id_
    return JSONResponse({**body, **(more or {})}, status, headers, media_type=MEDIA_TYPE)


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def problem_of(error: Exception) -> Problem:
    """Tell what to answer to an error that is no bug; of a bug, that it is ours."""
    match error:
        case Problem():
            told = error
        case HTTPException():
            code = _phrase(error.status_code).upper().replace(" ", "_")
            told = Problem(error.status_code, code, str(error.detail), headers=error.headers)
        case RequestValidationError():
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            told = Problem(422, "INVALID_REQUEST", f"{place}: {first['msg']}")
        case WrongCorrection():
            unknown = str(error).startswith("there is no ")
            told = Problem(404 if unknown else 409, "UNKNOWN_SUBJECT" if unknown else "WRONG_CORRECTION", str(error))
        case BadData():
            told = Problem(400, "BAD_DATA", str(error))
        case Refused():
            told = Problem(503, "TRY_AGAIN", str(error), headers={"Retry-After": str(round(error.retry_after or 1))})
        case _:
            told = Problem(500, "INTERNAL", "an error of ours: it has been logged")
    return told


def install(app: FastAPI) -> None:
    """Let every error of an app be answered in this shape."""

    async def known(_: Request, error: Exception) -> JSONResponse:
        told = problem_of(error)
        return problem_answer(told.status_code, told.code, str(told.detail), dict(told.headers or {}), told.more)

    for kind in (HTTPException, RequestValidationError, WrongCorrection, BadData, Refused):
        app.add_exception_handler(kind, known)

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> JSONResponse:
        _log.error("%s %s failed (request %s)", request.method, request.url.path, request_id(), exc_info=error)
        return problem_answer(500, "INTERNAL", "an error of ours: it has been logged", {HEADER: request_id()})

"""/login: a person shows a token once, and the browser has a session from then on."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request, Response

from otel_insights.api.access import COOKIE, SESSION_SECONDS, Tokens
from otel_insights.api.pages.rendering import back_to, form_of, page, pages


def routes(tokens: Tokens) -> APIRouter:
    """Make the routes."""
    router = pages()

    @router.get("/login")
    async def ask(request: Request) -> Response:
        return back_to("/") if tokens.open else page(request, "login.html", {"wrong": False})

    @router.post("/login")
    async def sign_in(request: Request) -> Response:
        token = (await form_of(request)).get("token", "").strip().encode()
        scope = None if tokens.open else tokens.scope_of(token)
        if scope is None:
            return page(request, "login.html", {"wrong": True}, 401)
        answer = back_to("/")
        answer.set_cookie(
            COOKIE,
            tokens.session(scope, time.time()),
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    @router.post("/logout")
    async def sign_out() -> Response:
        answer = back_to("/login")
        answer.delete_cookie(COOKIE)
        return answer

    return router

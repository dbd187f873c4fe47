"""X-Request-Id: what a client and our log call the same request."""

import logging
import re

import httpx
import pytest
from api.serving import running

from otel_insights.api import create_app

RANDOM = re.compile(r"[0-9a-f]{32}")


@pytest.fixture
async def client():
    async with running("{auth: {read_token: look}}") as service:
        app = create_app(service)

        @app.get("/broken")
        async def broken() -> None:
            raise RuntimeError("a bug")

        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://insights") as made:
            yield made


async def test_every_answer_has_one_of_its_own_and_an_error_tells_it_too(client):
    healthy = await client.get("/healthz")
    refused = await client.get("/health")
    unknown = await client.get("/api/v1/clusters/none", headers={"authorization": "Bearer look"})
    assert [one.status_code for one in (healthy, refused, unknown)] == [200, 401, 404]
    ids = [one.headers["x-request-id"] for one in (healthy, refused, unknown)]
    assert all(RANDOM.fullmatch(id_) for id_ in ids)
    assert len(set(ids)) == 3
    assert [one.json()["request_id"] for one in (refused, unknown)] == ids[1:]


async def test_the_clients_own_is_kept_unless_it_could_be_taken_for_something_else(client):
    kept = await client.get("/healthz", headers={"X-Request-Id": "shop/42:a=b@c"})
    assert kept.headers.get_list("x-request-id") == ["shop/42:a=b@c"]
    for wrong in ("", "x" * 129, "two words", "a,b", "<b>", "caf\xe9"):
        answer = await client.get("/healthz", headers=[(b"x-request-id", wrong.encode("latin-1"))])
        assert RANDOM.fullmatch(answer.headers["x-request-id"]), wrong


async def test_a_bug_is_logged_under_the_id_that_its_answer_has(client, caplog):
    with caplog.at_level(logging.ERROR):
        answer = await client.get("/broken", headers={"x-request-id": "shop-42", "authorization": "Bearer look"})
    assert (answer.status_code, answer.json()["request_id"]) == (500, "shop-42")
    assert answer.headers.get_list("x-request-id") == ["shop-42"]
    assert "GET /broken failed (request shop-42)" in caplog.text

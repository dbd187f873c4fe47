"""The frame around the API: tokens and their scopes, other sites, hosts, rates and sizes."""

import asyncio

import httpx
import pytest
from api.serving import client_of, running

from otel_insights.components import available
from otel_insights.config import InvalidConfig, read
from otel_insights.errors import ConfigError

TOKENS = "{auth: {read_token: look, write_token: change}}"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
async def guarded():
    async with running(TOKENS) as service, client_of(service) as client:
        yield client


async def test_who_has_no_token_sees_that_we_live_and_no_more(guarded):
    assert (await guarded.get("/healthz")).status_code == 200
    assert (await guarded.get("/")).json()["status"] == "ok"
    for path in ("/api/v1/clusters", "/health", "/metrics", "/docs", "/openapi.json", "/nothing"):
        answer = await guarded.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert (await guarded.get("/health", headers=bearer("wrong"))).status_code == 401


async def test_the_read_token_reads_and_the_write_token_does_both(guarded):
    assert (await guarded.get("/api/v1/clusters", headers=bearer("look"))).status_code == 200
    refused = await guarded.post("/api/v1/analysis", headers=bearer("look"))
    assert (refused.status_code, refused.json()["code"]) == (403, "READ_ONLY")
    assert (await guarded.get("/api/v1/clusters", headers=bearer("change"))).status_code == 200
    assert (await guarded.post("/api/v1/analysis", headers=bearer("change"))).status_code == 200


async def test_a_person_signs_in_with_a_token_and_out_again(guarded):
    html = {"accept": "text/html"}
    assert (await guarded.get("/docs", headers=html)).headers["location"] == "/login"
    wrong = await guarded.post("/login", data={"token": "guess"})
    assert (wrong.status_code, "set-cookie" in wrong.headers) == (401, False)
    signed_in = await guarded.post("/login", data={"token": "look"})
    assert signed_in.status_code == 303
    cookie = signed_in.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "look" not in cookie
    assert (await guarded.get("/docs", headers=html)).status_code == 200
    assert (await guarded.post("/api/v1/analysis")).json()["code"] == "READ_ONLY"
    await guarded.post("/login", data={"token": "change"})
    assert (await guarded.post("/api/v1/analysis")).status_code == 200
    await guarded.post("/logout")
    assert (await guarded.get("/docs", headers=html)).status_code == 303


async def test_a_session_ends_with_its_token(guarded):
    await guarded.post("/login", data={"token": "change"})
    kept = dict(guarded.cookies)
    async with running("{auth: {write_token: another}}") as service, client_of(service, cookies=kept) as client:
        assert (await client.get("/api/v1/clusters")).status_code == 401


async def test_a_token_comes_from_a_file_or_the_environment_and_is_never_shown(tmp_path):
    file = tmp_path / "token"
    file.write_text("from-a-file\n")
    async with running(f"{{auth: {{write_token_file: '{file}'}}}}") as service, client_of(service) as client:
        assert (await client.get("/health", headers=bearer("from-a-file"))).status_code == 200
    config = read("api: {auth: {read_token: '${env:TOKEN}'}}", available(), {"TOKEN": "1e6"})
    assert config.api.auth.token("read") == b"1e6"
    assert "1e6" not in config.as_yaml()


async def test_a_token_that_cannot_be_read_is_told_at_the_start(tmp_path):
    async with running(f"{{auth: {{write_token_file: '{tmp_path}/none'}}}}") as service:
        with pytest.raises(ConfigError, match=r"^api\.auth\.write_token_file: expected a file that can be read"):
            async with client_of(service):
                pass


@pytest.mark.parametrize("endpoint", ["0.0.0.0:8080", "192.0.2.1:80", "insights.example:80", "[::]:8080"])
def test_nobody_opens_the_api_to_others_without_a_token_by_accident(endpoint):
    with pytest.raises(InvalidConfig, match=r"api: expected auth with a token, since .* is not on loopback"):
        read(f"api: {{endpoint: '{endpoint}'}}", available(), {})
    assert read(f"api: {{endpoint: '{endpoint}', allow_anonymous: true}}", available(), {}).api
    assert read(f"api: {{endpoint: '{endpoint}', auth: {{read_token: x}}}}", available(), {}).api


@pytest.mark.parametrize("wrong", ["{}", "{read_token: a, read_token_file: b}", "{token: a}"])
def test_an_auth_that_means_nothing_is_refused(wrong):
    with pytest.raises(InvalidConfig, match=r"api\.auth"):
        read(f"api: {{auth: {wrong}}}", available(), {})


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_a_page_of_another_site_changes_nothing(headers):
    async with running() as service, client_of(service) as client:
        answer = await client.post("/api/v1/analysis", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "CROSS_ORIGIN")
        assert (await client.post("/api/v1/analysis", headers={"origin": "http://insights"})).status_code == 200
        assert "access-control-allow-origin" not in (await client.get("/health", headers=headers)).headers


async def test_a_name_that_somebody_else_gave_to_our_address_is_not_answered():
    """DNS rebinding: a page under a name that leads to us is of our origin in the eyes of the browser."""
    async with running("{allowed_hosts: [insights.example]}") as service, client_of(service) as client:
        for host, status in {
            "evil.example": 421, "evil.example:8080": 421, "127.0.0.1:8080": 200, "[::1]:8080": 200, "localhost": 200,
            "insights.example": 200, "otel-insights:8080": 200, "a b": 421, "x:y": 421, "": 421,
        }.items():  # fmt: skip
            assert (await client.get("/health", headers={"host": host})).status_code == status, host


async def test_who_asks_too_often_is_told_when_to_ask_again():
    async with running("{requests_per_second: 2}") as service, client_of(service) as client:
        answers = [await client.get("/health") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2
        assert answers[-1].headers["retry-after"] == "1"
        assert answers[-1].json()["code"] == "TOO_MANY_REQUESTS"
        assert (await client.get("/healthz")).status_code == 200


async def test_a_body_over_the_limit_is_not_read():
    async def endless():
        yield b" " * 600
        yield b" " * 600
        await asyncio.sleep(60)  # would be waited for, were it read
        raise AssertionError("expected nobody to read on")

    async with running("{max_body_bytes: 1000}") as service, client_of(service) as client:
        told = await client.post("/api/v1/analysis", content=b" " * 1001)
        assert (told.status_code, told.json()["code"]) == (413, "TOO_LARGE")
        assert (await client.post("/api/v1/analysis", content=b" " * 1000)).status_code == 200
    async with running("{max_body_bytes: 1000}") as service, client_of(service) as client:
        assert (await client.post("/api/v1/analysis", content=endless())).status_code == 413


async def test_every_error_is_a_problem_with_a_code():
    async with running() as service, client_of(service) as client:
        for answer, status, code in [
            (await client.get("/nothing"), 404, "NOT_FOUND"),
            (await client.put("/health"), 405, "METHOD_NOT_ALLOWED"),
            (await client.get("/api/v1/clusters?limit=x"), 422, "INVALID_REQUEST"),
            (await client.get("/static/..%2fapp.py"), 404, "NOT_FOUND"),
        ]:
            assert answer.headers["content-type"] == "application/problem+json"
            body = answer.json()
            assert (body["status"], body["code"], answer.status_code) == (status, code, status)
            assert body["title"]
            assert body["detail"]


async def test_how_long_answers_took_is_counted_by_route_and_never_by_path():
    async with running() as service, client_of(service) as client:
        await client.get("/api/v1/clusters/one")
        await client.get("/api/v1/clusters/two")
        await client.request("BREW", "/coffee/1")
        text = (await client.get("/metrics")).text
    route = 'http_request_method="GET",http_response_status_code="404",http_route="/api/v1/clusters/{cluster_id}"'
    assert f"http_server_request_duration_seconds_count{{{route}}} 2.0" in text
    assert "coffee" not in text
    assert 'http_request_method="_OTHER"' in text


async def test_the_reference_page_works_offline_and_shows_every_route():
    async with running() as service, client_of(service) as client:
        page = await client.get("/docs")
        document = (await client.get("/openapi.json")).json()
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "//" not in page.text.replace("http://insights", "").replace("<!doctype", "").replace("https://e.org", "")
    for path in document["paths"]:
        assert f"<code>{path}</code>" in page.text


async def test_every_operation_has_examples_of_all_that_comes_and_goes():
    async with running() as service, client_of(service) as client:
        document = (await client.get("/openapi.json")).json()
    assert document["components"]["securitySchemes"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert all("example" in one for one in operation.get("parameters", ())), where
            contents = [operation.get("requestBody", {}).get("content", {})]
            contents += [one.get("content", {}) for one in operation["responses"].values()]
            for content in contents:
                assert all(one.get("example") not in (None, "", {}) for one in content.values()), where
            assert "default" in operation["responses"]
            assert httpx.codes.is_success(int(min(operation["responses"]))), where

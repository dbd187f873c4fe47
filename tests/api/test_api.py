"""The API over a running service, through a real socket-less HTTP client."""

import httpx
import pytest
from otlp_samples import Sink, charge, log, logs, look_up, package, passing, raised, resource, span, spans
from prometheus_client.parser import text_string_to_metric_families

from otel_insights.api import create_app
from otel_insights.components import available
from otel_insights.config import read
from otel_insights.service import Service

CONFIG = """
receivers: {insights: {interval: 1h}}
processors: {environments: {}, exceptions: {}, suggestions: {}}
store: {url: "sqlite://"}
analysis: {interval: 1h}
service:
  pipelines:
    logs: {receivers: [insights], processors: [environments, exceptions, suggestions]}
"""


@pytest.fixture
async def service():
    made = Service(read(CONFIG, available()), available())
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def client(service):
    transport = httpx.ASGITransport(create_app(service), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://insights") as made:
        yield made


async def send(service, *payloads) -> None:
    for payload in payloads:
        await passing(list(service.processors.values()), payload, Sink())


async def test_a_feature_that_was_switched_on_explains_what_fails(service, client):
    for number in range(24):
        bad = number % 2 == 0
        told = {"feature_flag.key": "new_basket", "feature_flag.result.value": "on" if bad else "off"}
        of = resource(f"i-{number}")
        records = [log("", told, event="feature_flag.evaluation"), log("served", {"log_count": 100})]
        await send(service, logs(*records, of=of), spans(span(number + 1, *[raised(charge, number)] * bad), of=of))
    await client.post("/api/v1/analysis")
    (cluster,) = (await client.get("/api/v1/clusters")).json()["items"]
    (condition,) = cluster["suggestions"][0]["conditions"]
    said = [condition[name] for name in ("key", "op", "value")]
    assert said in (["feature_flag.new_basket", "==", "on"], ["feature_flag.new_basket", "!=", "off"])


async def test_clusters_are_listed_page_by_page_with_what_explains_them(service, client):
    for number in range(40):
        bad = number % 2 == 0
        of = resource(f"i-{number}")
        records = [package("numpy", "2.0" if bad else "1.26"), log("served", {"log_count": 100})]
        failures = [raised(charge, number)] if bad else []
        await send(service, logs(*records, of=of), spans(span(number + 1, *failures), of=of))
    await send(service, spans(span(99, raised(look_up, "o-1"))))
    assert (await client.post("/api/v1/analysis")).json() == {"status": "done", "clusters": 2}

    first = (await client.get("/api/v1/clusters", params={"limit": 1})).json()
    second = (await client.get("/api/v1/clusters", params={"limit": 1, "cursor": first["next"]})).json()
    assert second["next"] is None
    by_type = {one["exception_type"]: one for one in first["items"] + second["items"]}
    assert by_type["ValueError"]["count"] == 20
    assert by_type["ValueError"]["suggestions"][0]["remedy"]["value"] == "1.26"
    assert by_type["KeyError"]["silence"]["reason"] == "not_enough_environments"

    shown = (await client.get(f"/api/v1/clusters/{by_type['ValueError']['id']}")).json()
    assert shown["examples"][0]["stacktrace"].startswith("Traceback")
    assert shown["examples"][0]["trace_id"] == f"{39:032x}"
    assert shown["examples"][0]["reasons"]


async def test_feedback_withdraws_a_suggestion_or_is_shown_with_its_remedy(service, client):
    for number in range(40):
        of = resource(f"i-{number}")
        records = [package("numpy", "1.26" if number % 2 else "2.0"), log("served", {"log_count": 100})]
        failures = [] if number % 2 else [raised(charge, number)]
        await send(service, logs(*records, of=of), spans(span(number + 1, *failures), of=of))

    async def suggestions():
        await client.post("/api/v1/analysis")
        return (await client.get("/api/v1/clusters")).json()["items"][0]["suggestions"]

    (first, *_) = await suggestions()
    path = f"/api/v1/suggestions/{first['id']}/feedback"
    fixed = await client.post(path, json={"verdict": "fixed-it", "version": "numpy==1.26.4"})
    assert fixed.json()["status"] == "noted"
    assert (await suggestions())[0]["fixed_by"] == [{"key": "package.numpy", "value": "1.26.4", "reports": 1}]
    assert (await client.post(path, json={"verdict": "wrong"})).status_code == 200
    assert first["id"] not in {one["id"] for one in await suggestions()}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"verdict": "wrong"}, 404, "UNKNOWN_SUGGESTION"),
        ({"verdict": "perhaps"}, 422, "INVALID_REQUEST"),
        ({"verdict": "fixed-it", "version": "numpy>1"}, 422, "INVALID_REQUEST"),
        ({"verdict": "wrong", "version": "numpy==1"}, 422, "INVALID_REQUEST"),
    ],
)
async def test_feedback_that_cannot_be_meant_is_a_problem_with_a_code(client, body, status, code):
    answer = await client.post("/api/v1/suggestions/nothing/feedback", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_unknown_cluster_is_a_problem_with_a_code(client):
    answer = await client.get("/api/v1/clusters/nothing")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "UNKNOWN_CLUSTER"


async def test_wrong_parameter_is_a_problem_that_names_it(client):
    answer = await client.get("/api/v1/clusters", params={"limit": 0})
    assert answer.status_code == 422
    assert "limit" in answer.json()["detail"]


async def test_heartbeat_health_and_metrics_answer(service, client):
    service.metrics.add("otelcol_receiver_accepted_spans", 7, receiver="otlp_grpc")
    assert (await client.get("/")).json()["status"] == "ok"
    assert (await client.get("/healthz")).json()["instance_id"] == service.instance_id
    health = (await client.get("/health")).json()
    assert set(health) == {"status", "version", "uptime_seconds", "stats"}
    assert health["stats"]["events_recorded"] == 7
    assert health["stats"]["data_retention_days"] == 14
    metrics = await client.get("/metrics")
    assert 'otelcol_receiver_accepted_spans_total{receiver="otlp_grpc"} 7.0' in metrics.text


async def test_what_was_found_is_on_the_page_for_prometheus_as_it_would_be_named_by_otlp(service, client):
    await send(service, spans(span(1, raised(look_up, "o-1"))))
    await service.analyse()
    samples = {
        sample.name: (sample.labels, sample.value)
        for family in text_string_to_metric_families((await client.get("/metrics")).text)
        for sample in family.samples
    }
    labels, value = samples["otel_insights_exception_occurrences_total"]
    cluster = labels.pop("otel_insights_exception_cluster_id")
    assert (labels, value) == ({"service_name": "shop", "exception_type": "KeyError"}, 1)
    assert samples["otel_insights_cluster_count"] == ({}, 1)
    assert samples["otel_insights_cluster_size"] == ({"otel_insights_exception_cluster_id": cluster}, 1)


async def test_every_route_is_in_the_openapi_document(client):
    document = (await client.get("/openapi.json")).json()
    assert {"/", "/healthz", "/health", "/metrics", "/api/v1/clusters", "/api/v1/clusters/{cluster_id}"} <= set(
        document["paths"]
    )


async def test_analysis_that_fails_is_not_called_done(service, client, monkeypatch, caplog):
    async def fails() -> None:
        raise ZeroDivisionError("a bug")

    processor = next(iter(service.processors.values()))
    monkeypatch.setattr(type(processor), "analyse", lambda _: fails())
    answer = await client.post("/api/v1/analysis")
    assert (answer.status_code, answer.json()["code"]) == (500, "ANALYSIS_FAILED")
    assert "a bug" in caplog.text


async def test_the_id_of_a_merged_cluster_shows_the_one_that_goes_on_with_its_life(service, client):
    from otel_insights import curation

    of = resource(service__version="1.4")
    await send(service, spans(span(1, raised(charge, 5)), span(2, raised(look_up, "o-1")), of=of))
    await client.post("/api/v1/analysis")
    kept, gone = (one["id"] for one in (await client.get("/api/v1/clusters")).json()["items"])
    await service.store.write(curation.merge, kept, gone, service.now_ns())
    await client.post("/api/v1/analysis")

    (listed,) = (await client.get("/api/v1/clusters")).json()["items"]
    assert listed["state"] == "new"
    shown = (await client.get(f"/api/v1/clusters/{gone}")).json()
    assert shown["id"] == listed["id"] == kept
    assert shown["merged_from"] == [gone]
    assert shown["first_version"] == "1.4"
    assert [(one["change"], one["other"], one["decided_by"]) for one in shown["history"]] == [
        ("merged", kept, "person")
    ]
    assert shown["exemplars"][0]["instance"] == "i-1"
    assert shown["similar"] == []

"""The latest metric points and log records: what is ingested can be asked for, and aggregated exactly."""

import pytest


async def ingest(client, *points: tuple[str, str, float, int]) -> None:
    for service, metric, value, minute in points:
        body = {
            "service": service,
            "metric": metric,
            "value": value,
            "ts": f"2026-01-02T03:{minute:02}:00Z",
            "labels": {"region": "eu"},
        }
        (await client.post("/ingest/metrics", json=body)).raise_for_status()


@pytest.fixture
async def measured(client):
    points = [("shop", "latency_ms", float(minute), minute) for minute in range(10)]
    await ingest(client, *points, ("till", "latency_ms", 100.0, 5), ("shop", "depth", 7.0, 59))


async def test_what_was_ingested_is_listed_the_last_one_first(client, measured):
    found = (await client.get("/query/metrics", params={"service": "shop", "metric": "latency_ms", "limit": 3})).json()
    assert found[0] == {
        "service": "shop",
        "metric": "latency_ms",
        "value": 9.0,
        "ts": "2026-01-02T03:09:00.000000Z",
        "labels": {"region": "eu"},
    }
    assert [one["value"] for one in found] == [9.0, 8.0, 7.0]
    since = await client.get("/query/metrics", params={"since": "2026-01-02T03:08:00Z", "service": "shop"})
    assert sorted(one["value"] for one in since.json()) == [7.0, 8.0, 9.0]
    assert (await client.get("/query/metrics", params={"service": "none"})).json() == []


async def test_a_point_that_came_twice_counts_once(client, measured):
    await ingest(client, ("shop", "latency_ms", 3.0, 3))
    found = (await client.get("/api/v1/metrics/aggregate", params={"agg": "COUNT"})).json()["metrics"]
    assert found["latency_ms"]["value"] == 11


@pytest.mark.parametrize(
    ("aggregation", "value"),
    [("MEAN", 4.5), ("SUM", 45), ("MIN", 0), ("MAX", 9), ("COUNT", 10), ("p50", 4.5), ("P95", 8.55)],
)
async def test_aggregates_are_exact(client, measured, aggregation, value):
    asked = {"names": "latency_ms, none", "agg": aggregation, "service": "shop"}
    found = (await client.get("/api/v1/metrics/aggregate", params=asked)).json()
    assert found["status"] == "success"
    (name,) = found["metrics"]
    assert found["metrics"][name]["value"] == pytest.approx(value)
    assert found["metrics"][name]["aggregation"] == aggregation.upper()
    assert found["metrics"][name]["time_range"]["end"] == "2026-01-02T03:09:00.000000Z"


async def test_aggregates_are_of_a_range_of_time(client, measured):
    asked = {"start": "2026-01-02T03:02:00Z", "end": "2026-01-02T03:04:00Z"}
    found = (await client.get("/api/v1/metrics/aggregate", params=asked)).json()["metrics"]
    assert {name: one["sample_count"] for name, one in found.items()} == {"latency_ms": 3}


async def test_an_aggregation_that_is_none_is_a_problem_with_its_code(client):
    answer = await client.get("/api/v1/metrics/aggregate", params={"agg": "MODE"})
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_AGGREGATION")


async def test_metrics_of_the_window_are_listed(client, measured):
    found = (await client.get("/api/v1/metrics", params={"service": "shop"})).json()
    assert found == [{"name": "depth", "points": 1}, {"name": "latency_ms", "points": 10}]


async def test_log_lines_are_listed_as_they_were_ingested(client):
    for level in ("INFO", "ERROR"):
        line = {"service": "shop", "level": level, "message": f"{level} 7", "ts": "2026-01-02T03:04:05Z"}
        (await client.post("/ingest/logs", json=line)).raise_for_status()
    (only,) = (await client.get("/query/logs", params={"service": "shop", "level": "ERROR"})).json()
    assert (only["service"], only["level"], only["message"]) == ("shop", "ERROR", "ERROR 7")
    assert len((await client.get("/query/logs")).json()) == 2
    wrong = await client.get("/query/logs", params={"level": "LOUD"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "INVALID_REQUEST")

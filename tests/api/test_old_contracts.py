"""The old clients' requests, sent as they always were, and what comes of them. Rows are those of docs/features.md."""

from typing import ClassVar

import httpx
import pytest

from otel_insights.errors import Refused
from otel_insights.payload import Signal
from otel_insights.processors.environments import Environments
from otel_insights.store import clusters, environments

TRACE = """Traceback (most recent call last):
  File "/srv/train.py", line 12, in <module>
    main()
  File "/srv/train.py", line 8, in main
    import numpy.core.multiarray
ImportError: numpy.core.multiarray failed to import
"""
SIGNATURE = "ImportError: numpy.core.multiarray failed to import"
TS = "2026-01-02T03:04:05Z"


def environment(hash_: str, numpy: str, **more) -> dict:
    return {
        "env_hash": hash_,
        "machine_arch": "x86_64",
        "packages": {"numpy": numpy, "Flask_Login": "0.6.3"},
        "python_ver": "3.9.7",
        "os_info": "Linux-5.15",
        "env_vars": {"OMP_NUM_THREADS": "4", "API_TOKEN": "hunter2"},
        **more,
    }


def beacon(hash_: str, ts: str = TS, **more) -> dict:
    return {
        "kind": "error", "env_hash": hash_, "script_id": "train.py", "error_sig": SIGNATURE, "trace": TRACE, "ts": ts,
        **more,
    }  # fmt: skip


async def known_environments(service, of: str = "scripts") -> dict[str, dict]:
    found = await service.store.read(environments.in_namespace, "")
    return {
        one.key.instance: await service.store.read(environments.configuration_of, one.id)
        for one in found
        if one.key.service == of
    }


@pytest.fixture
async def fleet(client):
    """Twelve environments that fail with one numpy, and twelve that do not with another."""
    for number in range(24):
        bad = number % 2
        await client.post("/env", json=environment(f"env-{number}", "1.24.0" if bad else "1.26.4"))
        if bad:
            for second in range(3):
                await client.post("/beacon", json=beacon(f"env-{number}", f"2026-01-02T03:04:{second:02}Z"))
    assert (await client.post("/api/v1/analysis")).status_code == 200


class TestEnvironments:
    async def test_row_1_and_2_an_upload_makes_an_environment_that_its_hash_names(self, service, client):
        answer = await client.post("/env", json=environment("abc123def456", "1.24.0"))
        assert answer.json() == {"status": "success", "id": "abc123def456"}
        assert await known_environments(service) == {
            "abc123def456": {
                "host.arch": "x86_64",
                "os.description": "Linux-5.15",
                "os.type": "linux",
                "process.runtime.version": "3.9.7",
                "package.numpy": "1.24.0",
                "package.flask-login": "0.6.3",
                "process.environment_variable.OMP_NUM_THREADS": "4",
            }
        }

    async def test_row_21_packages_come_as_a_list_of_requirements_too(self, service, client):
        wanted = ["numpy==1.24.0", "pandas>=2.0.0", "Scikit_Learn<2", "scipy"]
        await client.post("/env", json=environment("e", "", packages=wanted))
        (found,) = (await known_environments(service)).values()
        packages = {key: value for key, value in found.items() if key.startswith("package.")}
        assert packages == {
            "package.numpy": "1.24.0", "package.pandas": "", "package.scikit-learn": "", "package.scipy": "",
        }  # fmt: skip
        wrong = await client.post("/env", json=environment("e", "", packages=["numpy=1"]))
        assert (wrong.status_code, wrong.json()["code"]) == (422, "INVALID_REQUEST")
        assert "packages.0" in wrong.json()["detail"]

    async def test_row_23_variables_with_sensitive_names_are_filtered_out_and_counted(self, service, client):
        await client.post("/env", json=environment("e", "1"))
        assert "hunter2" not in str(await known_environments(service))
        assert service.metrics.value("otel_insights_redactions", place="api") == 1

    async def test_row_24_long_values_are_cut(self, service, client):
        await client.post("/env", json=environment("e", "1", env_vars={"LONG": "x" * 5000}))
        (found,) = (await known_environments(service)).values()
        assert len(found["process.environment_variable.LONG"]) == 1024

    async def test_saying_the_same_again_changes_nothing(self, service, client):
        processor = next(one for one in service.processors.values() if isinstance(one, Environments))
        for _ in range(3):
            await client.post("/env", json=environment("e", "1.24.0"))
            await client.post("/env", json=environment("bare", "", packages={}))
        await processor.analyse()
        found = await service.store.read(environments.in_namespace, "")
        assert [one.exposure for one in found] == [1, 1]


class TestBeacons:
    async def test_row_3_to_5_a_beacon_is_an_exception_of_its_environment(self, service, client):
        await client.post("/env", json=environment("abc", "1.24.0"))
        answer = await client.post("/beacon", json=beacon("abc"))
        assert (answer.status_code, answer.json()["status"]) == (200, "success")
        await client.post("/api/v1/analysis")
        (cluster,) = await service.store.read(clusters.page)
        assert (cluster.exception_type, cluster.count, cluster.environments) == ("ImportError", 1, 1)
        assert cluster.first_seen_ns == 1767323045 * 10**9
        (example,) = await service.store.read(clusters.examples, cluster.id)
        assert example.stacktrace.strip() == TRACE.strip()
        assert example.message == "numpy.core.multiarray failed to import"

    async def test_row_66_the_same_beacon_again_counts_once(self, service, client):
        for _ in range(3):
            await client.post("/beacon", json=beacon("abc"))
        await client.post("/beacon", json=beacon("abc", "2026-01-02T03:04:06.500Z"))
        await client.post("/api/v1/analysis")
        (cluster,) = await service.store.read(clusters.page)
        assert cluster.count == 2

    async def test_row_4_a_beacon_of_another_kind_is_no_error(self, service, client):
        assert (await client.post("/beacon", json=beacon("abc", kind="started", trace=""))).status_code == 200
        await client.post("/api/v1/analysis")
        assert await service.store.read(clusters.page) == []

    @pytest.mark.parametrize("ts", ["yesterday", "0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z", None])
    async def test_a_time_that_is_none_is_told(self, client, ts):
        answer = await client.post("/beacon", json=beacon("abc", ts))
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
        assert "ts" in answer.json()["detail"]


class TestSuggestions:
    async def test_row_6_to_12_suggest_answers_with_the_fields_that_its_clients_know(self, client, fleet):
        asked = {"error_sig": SIGNATURE, "env_hash": "env-1", "use_multiple_clusters": False, "format_response": True}
        answer = (await client.post("/suggest", json=asked)).json()
        assert answer["match"] is True
        assert answer["confidence"] == 1.0
        assert answer["docs"] == "Found 1 relevant configuration pattern"
        assert answer["recommendation"].startswith("12 of the 12 failing environments run")
        (item,) = answer["all_suggestions"]
        assert item["suggestion"] == answer["recommendation"]
        assert item["config_key"] == "packages.numpy"
        assert "1.24.0" in item["config_value"] or "1.26.4" in item["config_value"]
        assert item["confidence_percentage"] == 100
        assert item["significance_score"] > 1
        assert item["failing"] == [12, 12]
        assert item["healthy"] == [0, 12]
        assert item["healthy_share_interval"][1] < 0.3
        assert item["adjusted_p"] < 0.05
        assert item["healthy_alternative"]["value"] == "1.26.4"
        assert item["applies"] is True

    async def test_row_6_the_asking_environment_is_told_whether_it_is_concerned(self, client, fleet):
        for hash_, applies in [("env-1", True), ("env-2", False), ("never-heard-of", None)]:
            answer = (await client.post("/suggest", json={"error_sig": SIGNATURE, "env_hash": hash_})).json()
            assert answer["all_suggestions"][0]["applies"] is applies

    async def test_row_13_raw_and_plain_text_on_demand(self, client, fleet):
        raw = (await client.post("/suggest", json={"error_sig": SIGNATURE, "format_response": False})).json()
        assert raw["recommendation"].startswith("numpy")
        assert "environments" not in raw["recommendation"]
        asked = {"error_sig": SIGNATURE}
        for answer in (
            await client.post("/suggest", json=asked, headers={"accept": "text/plain"}),
            await client.post("/suggest?format=text", json=asked),
        ):
            assert answer.headers["content-type"].startswith("text/plain")
            assert answer.text.startswith("12 of the 12 failing environments")

    async def test_row_14_no_match_has_its_reason(self, client):
        assert (await client.post("/suggest", json={"error_sig": SIGNATURE})).json()["reason"] == "unknown error"
        await client.post("/env", json=environment("one", "1.24.0"))
        await client.post("/beacon", json=beacon("one"))
        await client.post("/api/v1/analysis")
        answer = (await client.post("/suggest", json={"error_sig": SIGNATURE})).json()
        assert (answer["match"], answer["reason"]) == (False, "too few environments")
        assert answer["all_suggestions"] == []
        assert answer["recommendation"]

    async def test_row_12_several_clusters_on_demand(self, client, fleet):
        other = TRACE.replace("/srv/train.py", "/srv/other.py").replace("in main", "in elsewhere")
        for second in range(4):
            told = beacon("env-1", f"2026-01-03T03:04:{second:02}Z", trace=other, error_sig=SIGNATURE + " again")
            await client.post("/beacon", json=told)
        await client.post("/api/v1/analysis")
        one = (await client.post("/suggest", json={"error_sig": SIGNATURE + " again"})).json()
        many = {"error_sig": SIGNATURE + " again", "use_multiple_clusters": True}
        several = (await client.post("/suggest", json=many)).json()
        assert len(one["clusters"]) == 1
        assert len(several["clusters"]) >= len(one["clusters"])

    async def test_row_6_an_exception_is_explained_by_its_stack_trace(self, client, fleet):
        asked = {"exception.type": "ImportError", "exception.message": "?", "exception.stacktrace": TRACE}
        answer = (await client.post("/api/v1/suggest", json=asked)).json()
        assert answer["match"] is True
        (cluster_id,) = answer["clusters"]
        listed = (await client.get(f"/api/v1/clusters/{cluster_id}")).json()["suggestions"]
        assert [one["id"] for one in listed] == [one["id"] for one in answer["all_suggestions"]]


class TestIngest:
    async def test_row_36_54_55_a_metric_is_taken_and_counted(self, service, client, monkeypatch):
        got = kept_by(service, monkeypatch)
        body = {"service": "checkout", "metric": "latency_ms", "value": 120.5, "ts": TS, "labels": {"region": "eu"}}
        assert (await client.post("/ingest/metrics", json=body)).json()["status"] == "success"
        (payload,) = got
        (part,) = payload.message().resource_metrics
        assert part.resource.attributes[0].value.string_value == "checkout"
        (metric,) = part.scope_metrics[0].metrics
        (point,) = metric.gauge.data_points
        assert (metric.name, point.as_double, point.time_unix_nano) == ("latency_ms", 120.5, 1767323045 * 10**9)
        assert (point.attributes[0].key, point.attributes[0].value.string_value) == ("region", "eu")
        text = (await client.get("/metrics")).text
        assert 'telemetry_ingest_requests_total{type="metric"} 1.0' in text
        assert "telemetry_ingest_latency_seconds_count 1.0" in text
        assert 'otelcol_receiver_accepted_metric_points_total{receiver="api",transport="http"} 1.0' in text

    async def test_row_38_a_log_line_is_taken_with_its_context(self, service, client, monkeypatch):
        got = kept_by(service, monkeypatch)
        context = {"order": 17, "tags": ["a", {"b": None}], "ok": True}
        body = {"service": "checkout", "level": "ERROR", "message": "payment failed", "ts": TS, "context": context}
        assert (await client.post("/ingest/logs", json=body)).status_code == 200
        (record,) = got[0].message().resource_logs[0].scope_logs[0].log_records
        assert (record.body.string_value, record.severity_number, record.severity_text) == (
            "payment failed",
            17,
            "ERROR",
        )
        assert record.attributes[0].value.int_value == 17
        assert record.attributes[1].value.array_value.values[0].string_value == "a"
        assert 'telemetry_ingest_requests_total{type="log"} 1.0' in (await client.get("/metrics")).text

    async def test_row_66_the_same_line_gives_the_same_bytes(self, service, client, monkeypatch):
        got = kept_by(service, monkeypatch)
        body = {"service": "s", "level": "INFO", "message": "m", "ts": TS, "context": {"b": 1, "a": 2}}
        for _ in range(2):
            await client.post("/ingest/logs", json=body)
        assert got[0].data == got[1].data

    async def test_what_json_can_hold_and_otlp_cannot_is_written_as_text_or_refused(self, client):
        body = {"service": "s", "level": "INFO", "message": "m", "ts": TS}
        halved = (
            b'{"service":"s","level":"?","message":"m","ts":"2026-01-02T03:04:05Z","context":{"k":"\\ud800","n":1e999}}'
        )
        kind = {"content-type": "application/json"}
        assert (await client.post("/ingest/logs", content=halved, headers=kind)).status_code == 200
        deep: dict = {}
        for _ in range(200):
            deep = {"deeper": deep}
        assert (await client.post("/ingest/logs", json={**body, "context": deep})).status_code == 200
        huge = await client.post("/ingest/logs", json={**body, "context": {"n": 2**80}})
        assert huge.status_code == 200
        nan = b'{"service":"s","metric":"m","value":NaN,"ts":"2026-01-02T03:04:05Z"}'
        assert (await client.post("/ingest/metrics", content=nan, headers=kind)).status_code == 422

    async def test_what_the_next_hop_refuses_the_client_is_to_send_again(self, service, client, monkeypatch):
        async def full(_payload):
            raise Refused("the queue is full", retry_after=7)

        monkeypatch.setattr(type(service), "entrance", lambda *_: full)
        body = {"service": "s", "level": "INFO", "message": "m", "ts": TS}
        answer = await client.post("/ingest/logs", json=body)
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "TRY_AGAIN", "7")


class TestEvents:
    EVENT: ClassVar = {
        "hwid": "6f1c", "event_name": "query.executed", "app_version": "1.4.0", "client_type": "vector-inspector",
        "metadata": {"db_type": "chroma", "result_count": 12},
    }  # fmt: skip

    async def test_row_106_an_event_becomes_a_log_event_of_its_installation(self, service, client, monkeypatch):
        got = kept_by(service, monkeypatch)
        answer = (await client.post("/api/v1/events", json=self.EVENT)).json()
        assert set(answer) == {"status", "event_id", "timestamp"}
        assert answer["status"] == "success"
        (part,) = got[0].message().resource_logs
        assert {one.key: one.value.string_value for one in part.resource.attributes} == {
            "service.name": "vector-inspector", "service.version": "1.4.0", "service.instance.id": "6f1c",
        }  # fmt: skip
        (record,) = part.scope_logs[0].log_records
        assert record.event_name == "query.executed"
        assert [one.key for one in record.attributes][:2] == ["db_type", "result_count"]

    async def test_row_89_an_uncaught_exception_among_them_is_clustered(self, service, client):
        metadata = {
            "exception_type": "ImportError",
            "message": "numpy failed",
            "traceback": TRACE,
            "correlation_id": "c",
        }
        await client.post(
            "/api/v1/events", json={**self.EVENT, "event_name": "UncaughtException", "metadata": metadata}
        )
        await client.post("/api/v1/analysis")
        (cluster,) = await service.store.read(clusters.page)
        assert (cluster.exception_type, cluster.services) == ("ImportError", ("vector-inspector",))

    async def test_row_88_a_feature_that_is_toggled_is_part_of_the_configuration_of_its_installation(
        self, service, client
    ):
        for value in (True, False):
            metadata = {"feature_name": "dark_mode", "new_value": value}
            await client.post(
                "/api/v1/events", json=self.EVENT | {"event_name": "feature.toggled", "metadata": metadata}
            )
        known = await known_environments(service, "vector-inspector")
        assert known["6f1c"]["feature_flag.dark_mode"] == "false"

    async def test_row_98_an_event_that_was_sampled_counts_for_those_that_were_not(self, service, client):
        for rate in (0.05, 1.0):
            metadata = {"exception_type": "ImportError", "message": "no", "traceback": TRACE, "sampling_rate": rate}
            await client.post("/api/v1/events", json=self.EVENT | {"metadata": metadata})
        await client.post("/api/v1/analysis")
        (cluster,) = await service.store.read(clusters.page)
        assert cluster.count == 21

    async def test_row_137_141_the_other_form_is_taken_as_well(self, service, client, monkeypatch):
        got = kept_by(service, monkeypatch)
        body = {"event_type": "OPERATION", "source": "importer", "data": {"rows": 12}, "timestamp": TS}
        answer = (await client.post("/api/v1/events", json=body)).json()
        assert answer["timestamp"] == "2026-01-02T03:04:05.000000Z"
        assert got[0].message().resource_logs[0].scope_logs[0].log_records[0].event_name == "OPERATION"

    async def test_row_76_a_batch_is_a_list(self, client):
        answers = (await client.post("/api/v1/events", json=[self.EVENT, self.EVENT | {"event_name": "x"}])).json()
        assert len({one["event_id"] for one in answers}) == 2

    async def test_row_66_an_event_with_an_id_counts_once(self, service, client, monkeypatch):
        got = kept_by(service, monkeypatch)
        first = (await client.post("/api/v1/events", json=self.EVENT, headers={"idempotency-key": "k"})).json()
        again = (await client.post("/api/v1/events", json=self.EVENT, headers={"idempotency-key": "k"})).json()
        assert first == again
        assert first["event_id"] == "k"
        assert len(got) == 1
        for _ in range(2):
            await client.post("/api/v1/events", json=self.EVENT | {"timestamp": TS})
        assert got[1].data == got[2].data

    async def test_row_143_144_a_wrong_event_is_told_as_the_old_contract_has_it(self, client):
        wrong = {"hwid": "", "metadata": {"a": 1}}
        answer = await client.post("/api/v1/events", json=wrong)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        body = answer.json()
        assert (body["status"], body["code"], body["error"]["code"]) == ("error", "INVALID_EVENT", "INVALID_EVENT")
        details = body["error"]["details"]
        assert {one["field"] for one in details["validation_errors"]} == {"hwid", "event_name"}
        assert details["received_event"] == wrong

    async def test_row_144_145_our_own_events_are_refused(self, client):
        answer = await client.post("/api/v1/events", json=self.EVENT | {"client_type": "otel-insights"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "LOOP_DETECTED")

    async def test_row_144_a_store_that_is_full_is_a_storage_failure(self, service, client, monkeypatch):
        async def full(_payload):
            raise Refused("the disk is full")

        monkeypatch.setattr(type(service), "entrance", lambda *_: full)
        answer = await client.post("/api/v1/events", json=self.EVENT)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "STORAGE_FAILURE")


async def test_without_a_pipeline_nothing_is_taken_and_that_is_said(service, client, monkeypatch):
    monkeypatch.setattr(type(service), "entrance", lambda *_: None)
    answer: httpx.Response = await client.post("/beacon", json=beacon("abc"))
    assert (answer.status_code, answer.json()["code"]) == (501, "NO_PIPELINE")


def kept_by(service, monkeypatch) -> list:
    """Keep every payload that enters, beside what the pipelines do with it."""
    got: list = []
    entrance = type(service).entrance

    def noting(self, signal: Signal):
        consume = entrance(self, signal)

        async def consumed(payload):
            got.append(payload)
            return await consume(payload)

        return consumed

    monkeypatch.setattr(type(service), "entrance", noting)
    return got

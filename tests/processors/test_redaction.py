"""The processor `redaction`, and what the store keeps without it: no secret of a corpus comes out by any way."""

import asyncio
import hashlib
import json
import re

import pytest
from api.serving import client_of, running
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from otlp_samples import T0, FakeHost, Sink, build, log, logs, package, passing, resource, span, spans, values
from pydantic import ValidationError
from secrets_corpus import SECRETS
from typer.testing import CliRunner

from otel_insights import wire
from otel_insights.cli import app
from otel_insights.component import Accepted, ComponentId, Kind
from otel_insights.components import available
from otel_insights.errors import BadData
from otel_insights.payload import Payload, Signal, attribute
from otel_insights.processors.redaction import FACTORY
from otel_insights.store import environments

TEXTS = [text for text, _ in SECRETS.values()]
# some are parts of words that may stay, alone
HIDDEN = [secret for _, secret in SECRETS.values() if len(secret) > 4]
STACK = 'Traceback (most recent call last):\n  File "/app/a.py", line 3, in f\n    connect({!r})\nshop.Failed: {}\n'


def leaked(data: bytes | str) -> list[str]:
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    return [secret for secret in HIDDEN if secret in text]


def telling(environment: str = "i-1"):
    """Give a resource that tells all secrets as environment variables."""
    return resource(environment, **{f"process__environment_variable__X{n}": text for n, text in enumerate(TEXTS)})


def failed(text: str) -> dict[str, str]:
    return {
        "exception.type": "shop.Failed",
        "exception.message": text,
        "exception.stacktrace": STACK.format(text, text),
    }


def traces() -> Payload:
    made = [span(number, failed(text), name=text) for number, text in enumerate(TEXTS, 1)]
    for one, text in zip(made, TEXTS, strict=True):
        one.status.message = text
        one.attributes.add(key="process.command_args").value.array_value.values.add(string_value=text)
        one.links.add().attributes.append(attribute("why", text))
    return spans(*made, of=telling())


def records() -> list[LogRecord]:
    found = [package("requests", "2.31.0")]
    for text in TEXTS:
        structured = log()
        structured.body.CopyFrom(AnyValue(kvlist_value=KeyValueList(values=[attribute("told", text)])))
        found += [log(text, {"db.password": "hunter2-prod", "told": text}), structured, log("it broke", failed(text))]
    for number, record in enumerate(found):
        record.time_unix_nano = T0 + number
    return found


def metrics() -> Payload:
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add(resource=telling()).scope_metrics.add()
    for text in TEXTS:
        point = scope.metrics.add(name="orders").gauge.data_points.add(as_int=1, time_unix_nano=T0)
        point.attributes.append(attribute("told", text))
        point.exemplars.add().filtered_attributes.append(attribute("told", text))
    return Payload.of(request)


EVERYTHING = [traces(), logs(*records(), of=telling()), metrics()]


async def started(host: FakeHost, **settings):
    processor = build(FACTORY, **settings)
    await processor.start(host)
    return processor


async def passed(host: FakeHost, payload: Payload, **settings) -> Payload:
    sink = Sink()
    assert await passing([await started(host, **settings)], payload, sink) == Accepted()
    return sink.got[0]


@pytest.mark.parametrize("payload", EVERYTHING, ids=lambda payload: payload.signal.value)
@pytest.mark.parametrize("stacktrace", ["full", "frames", "hash"])
async def test_no_secret_passes_by_any_way(host: FakeHost, payload: Payload, stacktrace: str):
    assert len(leaked(payload.data)) == len(HIDDEN)
    got = await passed(host, payload, stacktrace=stacktrace)
    assert leaked(got.data) == []
    assert got.count == payload.count
    assert host.metrics.value("otel_insights_redactions", processor="redaction") > len(TEXTS)


async def test_nothing_of_people_reaches_the_store_even_without_the_processor(tmp_path):
    """Neither its file, nor the API, the commands or alerts, which read it."""
    file = tmp_path / "insights.db"
    told: list[str] = []
    async with running("{requests_per_second: 0}", f"sqlite:///{file}") as service, client_of(service) as client:
        sink = Sink()
        for payload in EVERYTHING:
            processors = [
                service.processors[ComponentId(type_)]
                for type_ in ("environments", "anomalies", "exceptions", "logs", "runs")
                if payload.signal.value in available().find(Kind.PROCESSOR, type_).signals
            ]
            await passing(processors, payload, sink)
        await service.analyse()
        clusters = (await client.get("/api/v1/clusters")).json()
        paths = [f"/api/v1/clusters/{one['id']}" for one in clusters["items"]]
        for path in (
            "/api/v1/clusters",
            "/api/v1/logs?limit=1000",
            "/api/v1/templates?limit=200",
            "/query/metrics?limit=500",
            "/metrics",
            *paths,
        ):
            answer = await client.get(path)
            assert answer.status_code == 200, path
            told.append(answer.text)
    written = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    for command in ("clusters", "logs", "templates"):
        asked = [*command.split(), "--store", f"sqlite:///{file}"]
        told.append((await asyncio.to_thread(CliRunner().invoke, app, asked)).output)
    assert all(len(text) > 100 for text in told)
    assert "shop.Failed" in told[0]
    assert leaked(written) == []
    assert leaked("\n".join(told)) == []
    assert leaked(b"".join(value for payload in sink.got for value in stamps_of(payload))) == []


def stamps_of(payload: Payload) -> list[bytes]:
    """Give what we have put on log records."""
    if payload.signal is not Signal.LOGS:
        return []
    found = [LogRecord.FromString(item.data) for item in payload.items()]
    return [str(values(one.attributes).get("log.record.template", "")).encode() for one in found]


async def test_what_holds_nothing_passes_byte_for_byte(host: FakeHost):
    harmless = log("order 17 took 3 ms", {"service.version": "1.2.3.4", "gen_ai.usage.input_tokens": 9})
    harmless.attributes.append(KeyValue(key="bits", value=AnyValue(bytes_value=b"\xff\xfe\x00")))
    unknown = b"\xfa\x01\x03abc"
    for payload in (logs(harmless), Payload(Signal.LOGS, logs(harmless).data + unknown), spans(span(1)), spans()):
        assert (await passed(host, payload)).data == payload.data
    assert host.metrics.value("otel_insights_redactions", processor="redaction") == 0


async def test_a_string_that_is_no_utf8_is_cleaned_too_and_stays_as_it_is_otherwise(host: FakeHost):
    good = logs(log("password=hunter2 xx"))
    payload = Payload(Signal.LOGS, good.data.replace(b"xx", b"\xff\xfe"))
    got = await passed(host, payload)
    assert b"hunter2" not in got.data
    assert b"password=[redacted] \xff\xfe" in got.data


async def test_a_secrets_name_hides_a_value_of_any_kind_at_any_depth(host: FakeHost):
    deep = KeyValueList(values=[KeyValue(key="token", value=AnyValue(int_value=1234567))])
    record = log("x", {"max_tokens": 4096})
    record.attributes.append(
        KeyValue(key="list", value=AnyValue(array_value=ArrayValue(values=[AnyValue(kvlist_value=deep)])))
    )
    got = LogRecord.FromString(next((await passed(host, logs(record))).items()).data)
    found = {one.key: one.value for one in got.attributes}
    assert found["list"].array_value.values[0].kvlist_value.values[0].value.string_value == "[redacted]"
    assert found["max_tokens"].int_value == 4096


async def test_names_that_are_secrets_or_people_go_too_at_any_depth_and_other_names_stay(host: FakeHost):
    record = log("x", {"ann@shop.example": 3, "k8s.pod.label.shop.example.com/team1x": "a", "http.route": "/"})
    inner = KeyValueList(values=[attribute("10.1.2.3", "up"), attribute("password=hunter2", "no")])
    record.attributes.append(KeyValue(key="by", value=AnyValue(kvlist_value=inner)))
    got = LogRecord.FromString(next((await passed(host, logs(record))).items()).data)
    names = [one.key for one in got.attributes]
    assert names == ["[email]", "k8s.pod.label.shop.example.com/team1x", "http.route", "by"]
    assert got.attributes[0].value.int_value == 3
    deep = {one.key: one.value.string_value for one in got.attributes[3].value.kvlist_value.values}
    assert deep == {"[ip]": "up", "password=[redacted]": "[redacted]"}


async def test_rules_salt_kept_names_and_patterns_can_be_chosen(host: FakeHost):
    text = "ann@shop.example at 10.1.2.3 with password=x1y2z3 as order-AB12"

    async def body(**settings) -> str:
        got = await passed(host, logs(log(text)), **settings)
        return LogRecord.FromString(next(got.items()).data).body.string_value

    assert await body() == "[email] at [ip] with password=[redacted] as order-AB12"
    assert await body(rules=["ips"]) == "ann@shop.example at [ip] with password=x1y2z3 as order-AB12"
    assert (
        await body(patterns=[r"order-\w+"], rules=[])
        == "ann@shop.example at 10.1.2.3 with password=x1y2z3 as [redacted]"
    )
    assert re.fullmatch(r"ann.* at \[ip:[0-9a-f]{16}\] with .*", await body(rules=["ips"], salt="pepper"))
    got = await passed(host, logs(log("x", {"told": text, "kept": text})), keep=["kept"])
    cleaned = values(LogRecord.FromString(next(got.items()).data).attributes)
    assert cleaned["kept"] == text != cleaned["told"]
    got = await passed(host, logs(log("x", {"user.id": "ann"})), hash=["user.id"], salt="pepper")
    cleaned = values(LogRecord.FromString(next(got.items()).data).attributes)
    assert cleaned["user.id"] == hashlib.sha256(b"annpepper").hexdigest()[:16]


@pytest.mark.parametrize(
    "settings",
    [{"patterns": ["("]}, {"patterns": ["a*"]}, {"rules": ["secret"]}, {"hash": ["user.id"]}, {"stacktrace": "none"}],
)
def test_a_setting_that_cannot_be_is_refused_at_the_start(settings: dict[str, object]):
    with pytest.raises(ValidationError, match=r"expected|Input should be"):
        FACTORY.settings(**settings)


async def test_what_is_nested_too_deep_for_any_receiver_is_refused_and_not_let_through(host: FakeHost):
    value = AnyValue(string_value="password=x1y2z3").SerializeToString()
    for _ in range(3000):
        value = wire.delimited(5, wire.delimited(1, value))
    item = wire.delimited(2, wire.delimited(5, value))
    data = wire.delimited(1, wire.delimited(2, item))
    with pytest.raises(BadData, match="levels"):
        await passed(host, Payload(Signal.LOGS, data))


async def test_equal_hosts_stay_equal_in_the_store_and_are_not_told(host: FakeHost):
    told = environments.Announced(
        environments.EnvironmentKey("", "shop", "i-1"),
        {"a": "db7.acme.internal", "b": "db7.acme.internal", "c": "3"},
        T0,
    )
    await host.store.write(environments.announce, [told])
    known = await host.store.read(environments.configuration_of, 1)
    assert known["a"] == known["b"] != "db7.acme.internal"
    assert re.fullmatch(r"\[host:[0-9a-f]{16}\]", known["a"])
    assert json.dumps(known).count("[") == 2

"""otlp, against real servers: what it makes of every answer, how often it tries, and what it sends."""

import asyncio
import gzip
import logging

import grpc
import pytest
from google.rpc.status_pb2 import Status
from next_hop import (
    Answer,
    FakeTime,
    Host,
    closing_next_hop,
    exporter,
    free_port,
    grpc_next_hop,
    http_next_hop,
    partial_success,
    soon,
    three_logs,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_insights.component import Accepted
from otel_insights.errors import BadData, ConfigError, Refused, TooLarge
from otel_insights.exporters.otlp_answers import NotLetIn
from otel_insights.payload import Payload, Signal

Code = grpc.StatusCode
SENT, FAILED = "otelcol_exporter_sent_log_records", "otelcol_exporter_send_failed_log_records"
HOPS = {"grpc": grpc_next_hop, "http": http_next_hop}
# what both protocols have a word for
UNAVAILABLE = {"code": Code.UNAVAILABLE, "status": 503}
STRANGER = {"code": Code.UNAUTHENTICATED, "status": 401}
NO_GOOD = {"code": Code.INVALID_ARGUMENT, "status": 400}

both = pytest.mark.parametrize("protocol", HOPS)


@both
async def test_a_payload_arrives_byte_for_byte_with_its_headers(protocol):
    host, payload = Host(), three_logs()
    payload = Payload(Signal.LOGS, payload.data + b"\xf2\x7f\x03new")  # field 2046, unknown to everybody
    async with HOPS[protocol]() as hop:
        async with exporter(host, endpoint=hop.url, protocol=protocol, headers={"X-Tenant": "seven"}) as otlp:
            assert await otlp.export(payload) == Accepted()
        (got,) = hop.got
    assert got.body == payload.data
    assert got.headers["x-tenant"] == "seven"
    assert "otel-insights" in got.headers["user-agent"]
    assert (host.counted(SENT), host.counted(FAILED)) == (3, 0)


@both
async def test_every_signal_goes_where_it_belongs_even_when_empty(protocol):
    expected = [signal.grpc_method if protocol == "grpc" else signal.http_path for signal in Signal]
    async with HOPS[protocol]() as hop, exporter(Host(), endpoint=hop.url, protocol=protocol) as otlp:
        for signal in Signal:
            assert await otlp.export(Payload(signal, b"")) == Accepted()
        assert [request.path for request in hop.got] == expected


# "OTLP/gRPC Response", https://opentelemetry.io/docs/specs/otlp/#failures
GRPC_TABLE = [
    (Code.CANCELLED, None, Refused),
    (Code.UNKNOWN, None, BadData),
    (Code.INVALID_ARGUMENT, None, BadData),
    (Code.DEADLINE_EXCEEDED, None, Refused),
    (Code.NOT_FOUND, None, BadData),
    (Code.ALREADY_EXISTS, None, BadData),
    (Code.PERMISSION_DENIED, None, NotLetIn),
    (Code.UNAUTHENTICATED, None, NotLetIn),
    (Code.RESOURCE_EXHAUSTED, None, TooLarge),
    (Code.RESOURCE_EXHAUSTED, 60.0, Refused),
    (Code.FAILED_PRECONDITION, None, BadData),
    (Code.ABORTED, None, Refused),
    (Code.OUT_OF_RANGE, None, Refused),
    (Code.UNIMPLEMENTED, None, BadData),
    (Code.INTERNAL, None, BadData),
    (Code.INTERNAL, 60.0, BadData),
    (Code.UNAVAILABLE, None, Refused),
    (Code.UNAVAILABLE, 60.0, Refused),
    (Code.DATA_LOSS, None, Refused),
]


@pytest.mark.parametrize(("code", "retry_info", "expected"), GRPC_TABLE)
async def test_a_grpc_code_means_what_the_specification_says(code, retry_info, expected):
    host, answer = Host(), Answer(code=code, message="the reason", retry_info=retry_info)
    off = {"enabled": False}
    async with grpc_next_hop(answer) as hop, exporter(host, endpoint=hop.url, retry=off) as otlp:
        with pytest.raises(expected, match=f"{code.name}: the reason") as caught:
            await otlp.export(three_logs())
        assert type(caught.value) is expected
        assert len(hop.got) == 1
    if retry_info and expected is Refused:
        assert caught.value.retry_after == 60
    assert (host.counted(SENT), host.counted(FAILED)) == (0, 3)


# "OTLP/HTTP Response", https://opentelemetry.io/docs/specs/otlp/#failures-1; a date is a minute after the host's now
HTTP_TABLE = [
    (302, "", BadData),
    (400, "", BadData),
    (401, "", NotLetIn),
    (403, "", NotLetIn),
    (404, "", BadData),
    (405, "", BadData),
    (413, "", TooLarge),
    (415, "", BadData),
    (429, "60", Refused),
    (429, "Tue, 14 Nov 2023 22:14:20 GMT", Refused),
    (429, "soon", Refused),
    (500, "60", BadData),
    (501, "", BadData),
    (502, "", Refused),
    (503, "60", Refused),
    (504, "", Refused),
]


@pytest.mark.parametrize(("status", "retry_after", "expected"), HTTP_TABLE)
async def test_an_http_status_means_what_the_specification_says(status, retry_after, expected):
    body = Status(message="the reason").SerializeToString()
    headers = {"retry-after": retry_after} if retry_after else {}
    host, answer = Host(), Answer(status=status, headers=headers, body=body)
    settings = {"protocol": "http", "retry": {"enabled": False}}
    async with http_next_hop(answer) as hop, exporter(host, endpoint=hop.url, **settings) as otlp:
        with pytest.raises(expected, match=f"HTTP {status}: the reason") as caught:
            await otlp.export(three_logs())
        assert type(caught.value) is expected
        assert len(hop.got) == 1
    if retry_after not in ("", "soon") and expected is Refused:
        assert caught.value.retry_after == 60
    assert (host.counted(SENT), host.counted(FAILED)) == (0, 3)


async def test_the_message_of_a_proxy_that_speaks_no_otlp_is_passed_on_in_part():
    answer = Answer(status=400, body=b"<h1>No</h1>" + b"." * 100_000, content_type="text/html")
    async with http_next_hop(answer) as hop, exporter(Host(), endpoint=hop.url, protocol="http") as otlp:
        with pytest.raises(BadData, match="HTTP 400: <h1>No</h1>") as caught:
            await otlp.export(three_logs())
    assert len(str(caught.value)) < 1100


@both
async def test_unavailable_twice_then_accepted_is_accepted_after_growing_pauses(protocol):
    host, time = Host(), FakeTime()
    async with HOPS[protocol](Answer(**UNAVAILABLE), Answer(**UNAVAILABLE)) as hop:
        async with exporter(host, time.clock, endpoint=hop.url, protocol=protocol) as otlp:
            assert await otlp.export(three_logs()) == Accepted()
        assert len(hop.got) == 3
        assert len({request.body for request in hop.got}) == 1
    assert time.pauses == [0.1, 0.15]
    assert (host.counted(SENT), host.counted(FAILED)) == (3, 0)


@both
async def test_what_stays_unavailable_goes_back_to_the_sender_within_the_bound(protocol):
    host, time = Host(), FakeTime()
    script = [Answer(**UNAVAILABLE, message="no room", body=Status(message="no room").SerializeToString())] * 50
    async with (
        HOPS[protocol](*script) as hop,
        exporter(host, time.clock, endpoint=hop.url, protocol=protocol, retry={"max_elapsed_time": "2s"}) as otlp,
    ):
        with pytest.raises(Refused, match="no room") as caught:
            await otlp.export(three_logs())
        assert len(hop.got) == len(time.pauses) + 1
    assert time.pauses == [0.1, 0.15, 0.225, 0.3375, 0.50625]
    assert caught.value.retry_after == pytest.approx(0.759375)
    assert host.counted(FAILED) == 3


@pytest.mark.parametrize(
    ("hop", "protocol", "answer"),
    [
        (grpc_next_hop, "grpc", Answer(code=Code.RESOURCE_EXHAUSTED, retry_info=0.7)),
        (grpc_next_hop, "grpc", Answer(code=Code.UNAVAILABLE, retry_info=0.7)),
        (http_next_hop, "http", Answer(status=503, headers={"retry-after": "1"})),
    ],
)
async def test_the_next_hop_says_how_long_to_wait(hop, protocol, answer):
    time = FakeTime()
    async with hop(answer) as up, exporter(Host(), time.clock, endpoint=up.url, protocol=protocol) as otlp:
        assert await otlp.export(three_logs()) == Accepted()
    assert time.pauses == [answer.retry_info or 1.0]


@both
async def test_a_wait_beyond_the_bound_is_the_senders(protocol):
    time, answer = FakeTime(), Answer(**UNAVAILABLE, retry_info=30, headers={"retry-after": "30"})
    async with (
        HOPS[protocol](answer) as hop,
        exporter(Host(), time.clock, endpoint=hop.url, protocol=protocol) as otlp,
    ):
        with pytest.raises(Refused) as caught:
            await otlp.export(three_logs())
    assert (caught.value.retry_after, time.pauses) == (30, [])


@both
async def test_wrong_credentials_are_no_reason_to_lose_data_nor_to_knock_again_at_once(protocol):
    time = FakeTime()
    async with (
        HOPS[protocol](Answer(**STRANGER)) as hop,
        exporter(Host(), time.clock, endpoint=hop.url, protocol=protocol) as otlp,
    ):
        with pytest.raises(Refused) as caught:
            await otlp.export(three_logs())
        assert len(hop.got) == 1
    assert (caught.value.retry_after, time.pauses) == (5.0, [])


@both
async def test_a_partial_success_is_told_and_counted(protocol):
    host, answer = Host(), Answer(body=partial_success(2, "two are too old"))
    async with HOPS[protocol](answer) as hop, exporter(host, endpoint=hop.url, protocol=protocol) as otlp:
        assert await otlp.export(three_logs()) == Accepted(2, "two are too old")
    assert (host.counted(SENT), host.counted(FAILED)) == (1, 2)


@both
async def test_a_response_that_nobody_can_read_is_a_success_as_its_code_says(protocol):
    async with (
        HOPS[protocol](Answer(body=b"\xff\xff")) as hop,
        exporter(Host(), endpoint=hop.url, protocol=protocol) as otlp,
    ):
        assert await otlp.export(three_logs()) == Accepted()


async def test_a_signal_that_the_next_hop_does_not_know_is_never_taken_while_others_are():
    async with grpc_next_hop(unknown=(Signal.METRICS,)) as hop, exporter(Host(), endpoint=hop.url) as otlp:
        with pytest.raises(BadData, match="UNIMPLEMENTED"):
            await otlp.export(Payload.of(ExportMetricsServiceRequest()))
        assert await otlp.export(Payload.of(ExportTraceServiceRequest())) == Accepted()


@both
async def test_no_answer_within_the_timeout_goes_back_to_the_sender(protocol):
    async with (
        HOPS[protocol](Answer(hang=True)) as hop,
        exporter(Host(), endpoint=hop.url, protocol=protocol, timeout="300ms") as otlp,
    ):
        with pytest.raises(Refused):
            await otlp.export(three_logs())
        assert await otlp.export(three_logs()) == Accepted()
        assert len(hop.got) == 2


@both
async def test_a_sender_that_gives_up_ends_the_export(protocol):
    async with (
        HOPS[protocol](Answer(hang=True)) as hop,
        exporter(Host(), endpoint=hop.url, protocol=protocol) as otlp,
    ):
        under_way = asyncio.create_task(otlp.export(three_logs()))
        await soon(lambda: bool(hop.got))
        under_way.cancel()
        with pytest.raises(asyncio.CancelledError):
            await under_way


@both
async def test_a_connection_that_breaks_is_tried_again_then_goes_back_to_the_sender(protocol):
    time = FakeTime()
    async with (
        closing_next_hop() as url,
        exporter(Host(), time.clock, endpoint=url, protocol=protocol, timeout="2s") as otlp,
    ):
        with pytest.raises(Refused):
            await otlp.export(three_logs())
    assert time.pauses


@both
async def test_a_next_hop_that_is_down_at_start_is_found_when_it_comes_up(protocol):
    port, host = free_port(), Host()
    settings = {"endpoint": f"http://localhost:{port}", "protocol": protocol}
    async with exporter(host, **settings, retry={"enabled": False}) as otlp:
        with pytest.raises(Refused):
            await otlp.export(three_logs())
    async with exporter(host, **settings, retry={"max_elapsed_time": "9s", "max_interval": "200ms"}) as otlp:
        under_way = asyncio.create_task(otlp.export(three_logs()))
        await asyncio.wait([under_way], timeout=0.3)
        assert not under_way.done()
        async with HOPS[protocol](port=port) as hop:
            assert await asyncio.wait_for(under_way, 5) == Accepted()
            assert len(hop.got) == 1


@both
async def test_a_next_hop_that_restarts_is_found_again_within_two_seconds(protocol):
    port = free_port()
    settings = {"endpoint": f"http://localhost:{port}", "protocol": protocol, "retry": {"max_elapsed_time": "2s"}}
    async with exporter(Host(), **settings) as otlp:
        async with HOPS[protocol](port=port):
            await otlp.export(three_logs())
        with pytest.raises(Refused):
            await otlp.export(three_logs())
        async with HOPS[protocol](port=port):
            assert await otlp.export(three_logs()) == Accepted()


async def test_over_http_compressed_bytes_go_on_as_they_came():
    data = three_logs().data
    as_it_came = gzip.compress(data, 9, mtime=7)
    settings = {"protocol": "http", "compression": "gzip"}
    async with http_next_hop() as hop, exporter(Host(), endpoint=hop.url, **settings) as otlp:
        await otlp.export(three_logs(gzipped=as_it_came))
        await otlp.export(three_logs())
        first, second = hop.got
    assert first.body == as_it_came
    assert gzip.decompress(second.body) == data
    assert [request.headers["content-encoding"] for request in hop.got] == ["gzip", "gzip"]


async def test_over_grpc_gzip_is_understood():
    payload = three_logs()
    async with grpc_next_hop() as hop, exporter(Host(), endpoint=hop.url, compression="gzip") as otlp:
        await otlp.export(payload)
        assert hop.got[0].body == payload.data


@both
async def test_large_requests_and_broken_framing_are_the_next_hops_to_judge(protocol):
    bodies = [b"\x0a\xff\xff\xff\x7f", b"\xfa\x01" + b"\x80\x80\x80\x04" + b"x" * (8 << 20)]
    host = Host()
    async with HOPS[protocol]() as hop, exporter(host, endpoint=hop.url, protocol=protocol) as otlp:
        for body in bodies:
            assert await otlp.export(Payload(Signal.LOGS, body)) == Accepted()
        assert [request.body for request in hop.got] == bodies
    assert host.counted(SENT) == 0


@both
async def test_many_exports_at_once_all_arrive(protocol):
    async with HOPS[protocol]() as hop, exporter(Host(), endpoint=hop.url, protocol=protocol) as otlp:
        answers = await asyncio.gather(*(otlp.export(three_logs()) for _ in range(200)))
        assert answers == [Accepted()] * 200
        assert len(hop.got) == 200


async def test_trouble_is_logged_when_it_begins_and_when_it_ends(caplog):
    caplog.set_level(logging.INFO, logger="otel_insights")
    time, script = FakeTime(), [Answer(**NO_GOOD, message="odd")] * 3
    async with grpc_next_hop(*script) as hop, exporter(Host(), time.clock, endpoint=hop.url) as otlp:
        for _ in script:
            with pytest.raises(BadData):
                await otlp.export(three_logs())
        time.time += 60
        for _ in range(2):
            await otlp.export(three_logs())
    began, ended = (record.getMessage() for record in caplog.records)
    assert "logs not taken" in began
    assert "INVALID_ARGUMENT: odd" in began
    assert "takes logs again" in ended


async def test_a_proxy_that_the_environment_names_is_used_over_http(monkeypatch):
    async with http_next_hop() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        async with exporter(Host(), endpoint="http://nowhere.invalid:4318", protocol="http") as otlp:
            assert await otlp.export(three_logs()) == Accepted()
        assert proxy.got[0].headers["host"] == "nowhere.invalid:4318"
        monkeypatch.setenv("no_proxy", "nowhere.invalid")
        settings = {"protocol": "http", "retry": {"enabled": False}}
        async with exporter(Host(), endpoint="http://nowhere.invalid:4318", **settings) as otlp:
            with pytest.raises(Refused):
                await otlp.export(three_logs())
        assert len(proxy.got) == 1


async def test_a_proxy_of_an_unknown_kind_is_found_at_start(monkeypatch):
    monkeypatch.setenv("http_proxy", "socks5://localhost:1080")
    with pytest.raises(ConfigError, match="http_proxy: expected a URL"):
        async with exporter(Host(), endpoint="http://nowhere.invalid:4318", protocol="http"):
            pass

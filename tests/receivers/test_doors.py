"""What a door does beyond single requests: who may come in, what it bears, how it opens and closes."""

from __future__ import annotations

import ast
import asyncio
import gzip
import socket
import subprocess
import sys

import grpc
import httpx
import pytest
from certificates import Authority
from doors import PROTOBUF, doors, grpc_call
from grpc_health.v1 import health_pb2, health_pb2_grpc
from otlp_samples import build, span, spans

from otel_insights.component import Accepted
from otel_insights.errors import BadData, ConfigError, TooLarge
from otel_insights.payload import Signal
from otel_insights.receivers import otlp_grpc, otlp_http
from otel_insights.receivers.compression import inflate

SPANS = spans(span(1)).data
OK = grpc.StatusCode.OK
HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


async def test_token_is_asked_for_over_both_transports(host):
    async with doors(host, auth={"bearer_token": "s3cret"}) as both:
        for wrong in ({}, {"authorization": "Bearer s3cre"}, {"authorization": "Basic s3cret"}):
            answer = await both.call(Signal.TRACES, SPANS, metadata=tuple(wrong.items()))
            assert answer.code is grpc.StatusCode.UNAUTHENTICATED
            assert "s3cret" not in answer.message
            over_http = await both.post(Signal.TRACES, SPANS, **wrong)
            assert over_http.status_code == 401
            assert over_http.headers["www-authenticate"] == "Bearer"
        right = {"authorization": "Bearer s3cret"}
        assert (await both.call(Signal.TRACES, SPANS, metadata=tuple(right.items()))).code is OK
        assert (await both.post(Signal.TRACES, SPANS, **right)).status_code == 200
    assert len(both.sink.got) == 2


async def test_token_may_stand_in_a_file(host, tmp_path):
    (tmp_path / "token").write_text("from-a-file\n")
    async with doors(host, auth={"bearer_token_file": tmp_path / "token"}) as both:
        answer = await both.call(Signal.TRACES, SPANS, metadata=(("authorization", "Bearer from-a-file"),))
    assert answer.code is OK


async def test_tls_lets_in_who_trusts_the_authority(host, authority):
    server = authority.issue("server")
    tls = {"cert_file": server.cert_file, "key_file": server.key_file}
    async with doors(host, tls=tls) as both:
        credentials = grpc.ssl_channel_credentials(authority.ca_file.read_bytes())
        async with grpc.aio.secure_channel(both.grpc_receiver.address, credentials) as channel:
            assert (await grpc_call(channel, Signal.TRACES, SPANS)).code is OK
        assert (await both.call(Signal.TRACES, SPANS)).code is grpc.StatusCode.UNAVAILABLE, "no TLS, no way in"
        async with httpx.AsyncClient(verify=_trusting(authority)) as client:
            answer = await client.post(both.url + "/v1/traces", content=SPANS, headers={"content-type": PROTOBUF})
        assert answer.status_code == 200


async def test_mutual_tls_lets_in_only_who_shows_a_certificate(host, authority):
    server, app = authority.issue("server"), authority.issue("app")
    tls = {"cert_file": server.cert_file, "key_file": server.key_file, "client_ca_file": authority.ca_file}
    async with doors(host, tls=tls) as both:
        ca = authority.ca_file.read_bytes()
        for credentials, expected in (
            (grpc.ssl_channel_credentials(ca, app.key, app.cert), OK),
            (grpc.ssl_channel_credentials(ca), grpc.StatusCode.UNAVAILABLE),
        ):
            async with grpc.aio.secure_channel(both.grpc_receiver.address, credentials) as channel:
                assert (await grpc_call(channel, Signal.TRACES, SPANS)).code is expected
        context = _trusting(authority)
        async with httpx.AsyncClient(verify=context) as client:
            with pytest.raises(httpx.TransportError):
                await client.post(both.url + "/v1/traces", content=SPANS, headers={"content-type": PROTOBUF})
        context.load_cert_chain(app.cert_file, app.key_file)
        async with httpx.AsyncClient(verify=context) as client:
            answer = await client.post(both.url + "/v1/traces", content=SPANS, headers={"content-type": PROTOBUF})
        assert answer.status_code == 200


def _trusting(authority):
    import ssl

    return ssl.create_default_context(cafile=authority.ca_file)


@pytest.mark.parametrize("module", [otlp_grpc, otlp_http])
async def test_missing_certificate_is_told_at_the_start_by_the_path_of_its_setting(host, module, tmp_path):
    tls = {"cert_file": tmp_path / "none.crt", "key_file": tmp_path / "none.key"}
    with pytest.raises(ConfigError, match=rf"^receivers\.{module.FACTORY.type}\.tls\.cert_file: .*No such file"):
        await build(module.FACTORY, endpoint="127.0.0.1:0", tls=tls).start(host)


@pytest.mark.parametrize("module", [otlp_grpc, otlp_http])
async def test_port_that_is_taken_is_an_error_that_names_it_and_never_shared(host, module):
    with socket.create_server(("127.0.0.1", 0)) as other:
        endpoint = f"127.0.0.1:{other.getsockname()[1]}"
        receiver = build(module.FACTORY, endpoint=endpoint)
        await receiver.start(host)
        with pytest.raises(OSError, match=endpoint):
            await receiver.serve({})
        await receiver.stop()


@pytest.mark.parametrize("module", [otlp_grpc, otlp_http])
async def test_two_receivers_never_share_a_port(host, module):
    first = build(module.FACTORY, endpoint="127.0.0.1:0")
    await first.start(host)
    await first.serve({})
    second = build(module.FACTORY, endpoint=first.address)
    await second.start(host)
    with pytest.raises(OSError, match=first.address):
        await second.serve({})
    await second.stop()
    await first.stop()


BOMB = """
import asyncio, resource, sys, zlib
sys.path[:0] = {path!r}
import grpc
from doors import doors
from otlp_samples import FakeHost, span, spans
from otel_insights.payload import Signal
from otel_insights.worker import Worker

def bomb():
    # a valid beginning, then a length-delimited field of zeros without end
    squeezer = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield squeezer.compress(b"\\x0a\\xff\\xff\\xff\\xff\\x03")
    for _ in range(1024):
        yield squeezer.compress(bytes(2**20))
    yield squeezer.flush()

async def main():
    body, small = b"".join(bomb()), spans(span(1)).data
    assert 2**19 < len(body) < 2**21, len(body)
    async with doors(FakeHost(Worker())) as both:
        await both.call(Signal.TRACES, small)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        hits = [both.call(Signal.TRACES, body) for _ in range(4)]
        hits += [both.post(Signal.TRACES, body, content_encoding="gzip") for _ in range(4)]
        answers = await asyncio.gather(*hits, both.call(Signal.TRACES, small), both.post(Signal.TRACES, small))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print([str(getattr(one, "code", None) or one.status_code) for one in answers], grown // 1024)
asyncio.run(main())
"""


def test_gzip_bomb_is_refused_in_bounded_memory_and_small_requests_beside_it_succeed():
    program = BOMB.format(path=[entry for entry in sys.path if "tests" in entry])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    answers, grown = done.stdout.strip().rsplit(" ", 1)
    assert ast.literal_eval(answers) == ["StatusCode.RESOURCE_EXHAUSTED"] * 4 + ["413"] * 4 + ["StatusCode.OK", "200"]
    assert int(grown) < 300, f"{grown} MiB more, for eight bombs of 1 GiB and a limit of 64 MiB"


def test_inflate_is_exact_at_its_limit():
    body = gzip.compress(bytes(1000))
    assert inflate(body, 1000) == bytes(1000)
    with pytest.raises(TooLarge):
        inflate(body, 999)
    with pytest.raises(BadData):
        inflate(body[:-4], 1000)


async def test_keepalive_pings_are_allowed(host):
    options = [
        ("grpc.keepalive_time_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    async with (
        doors(host) as both,
        grpc.aio.insecure_channel(both.grpc_receiver.address, options=options) as channel,
    ):
        assert (await grpc_call(channel, Signal.TRACES, SPANS)).code is OK


async def test_health_is_served_and_a_request_under_way_finishes_while_the_door_closes(host):
    arrived, leave = asyncio.Event(), asyncio.Event()

    async def slow(_payload):
        arrived.set()
        await leave.wait()
        return Accepted()

    receiver = build(otlp_grpc.FACTORY, endpoint="127.0.0.1:0", drain="10s")
    await receiver.start(host)
    await receiver.serve({Signal.TRACES: slow})
    async with grpc.aio.insecure_channel(receiver.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest()
        assert (await health.Check(request)).status == health_pb2.HealthCheckResponse.SERVING
        watch = health.Watch(request)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        under_way = asyncio.create_task(grpc_call(channel, Signal.TRACES, SPANS))
        await arrived.wait()
        stopping = asyncio.create_task(receiver.stop())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        assert not under_way.done()
        leave.set()
        assert (await under_way).code is OK
        await stopping


async def test_http_request_under_way_finishes_while_the_door_closes(host):
    arrived, leave = asyncio.Event(), asyncio.Event()

    async def slow(_payload):
        arrived.set()
        await leave.wait()
        return Accepted()

    async with doors(host, consume=slow) as both:
        under_way = asyncio.create_task(both.post(Signal.TRACES, SPANS))
        await arrived.wait()
        stopping = asyncio.create_task(both.http_receiver.stop())
        leave.set()
        assert (await under_way).status_code == 200
        await stopping


async def test_client_that_sends_byte_by_byte_holds_nobody_up_and_one_that_leaves_is_forgotten(host):
    async with doors(host) as both:
        name, port = both.http_receiver.address.split(":")
        _, slow = await asyncio.open_connection(name, int(port))
        slow.write(HEAD + b"Content-Length: 99\r\n\r\n1")
        await slow.drain()
        assert (await both.post(Signal.TRACES, SPANS)).status_code == 200
        slow.close()
        await slow.wait_closed()
        assert (await both.post(Signal.TRACES, SPANS)).status_code == 200
    assert len(both.sink.got) == 2


async def test_body_that_does_not_come_is_given_up(host):
    receiver = build(otlp_http.FACTORY, endpoint="127.0.0.1:0", body_timeout="50ms")
    await receiver.start(host)
    await receiver.serve({Signal.TRACES: None})
    reader, writer = await asyncio.open_connection(*receiver.address.split(":"))
    writer.write(HEAD + b"Content-Length: 9\r\n\r\n")
    assert b"503" in await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    await receiver.stop()


async def test_bug_in_the_pipeline_is_logged_once_and_not_for_every_request(host, caplog):
    async def broken(_payload):
        raise ZeroDivisionError("a bug")

    async with doors(host, consume=broken) as both:
        for _ in range(5):
            assert (await both.call(Signal.TRACES, SPANS)).code is grpc.StatusCode.UNAVAILABLE
    assert caplog.text.count("ZeroDivisionError: a bug") == 1


async def test_what_was_accepted_and_refused_is_counted_by_door(host):
    async with doors(host) as both:
        both.sink.answers += [Accepted(), BadData("no")]
        await both.call(Signal.TRACES, SPANS)
        await both.call(Signal.TRACES, SPANS)
        await both.post(Signal.TRACES, SPANS)
    labels = {"receiver": "otlp_grpc", "transport": "grpc"}
    assert host.metrics.value("otelcol_receiver_accepted_spans", **labels) == 1
    assert host.metrics.value("otelcol_receiver_refused_spans", **labels) == 1
    assert host.metrics.value("otelcol_receiver_accepted_spans", receiver="otlp_http", transport="http") == 1


@pytest.mark.parametrize("module", [otlp_grpc, otlp_http])
async def test_ipv6_endpoints_work(host, module):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    receiver = build(module.FACTORY, endpoint="[::1]:0")
    await receiver.start(host)
    await receiver.serve({})
    assert receiver.address.startswith("[::1]:")
    assert not receiver.address.endswith(":0")
    await receiver.stop()

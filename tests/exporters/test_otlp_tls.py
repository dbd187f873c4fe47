"""otlp over TLS: whom it trusts, how it proves itself, and what it says of files that are no good."""

import ssl
import sys
from contextlib import AbstractAsyncContextManager

import grpc
import pytest
from certificates import Authority, Issued
from next_hop import FakeTime, Host, NextHop, exporter, grpc_next_hop, http_next_hop, three_logs

from otel_insights.component import Accepted
from otel_insights.errors import ConfigError, Refused

both = pytest.mark.parametrize("protocol", ["grpc", "http"])


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path)


def secure_hop(protocol: str, server: Issued, clients: Authority | None = None) -> AbstractAsyncContextManager[NextHop]:
    """With `clients`, only those whom that authority vouches for are let in."""
    if protocol == "grpc":
        roots = clients.ca_file.read_bytes() if clients else None
        pairs = [(server.key, server.cert)]
        return grpc_next_hop(credentials=grpc.ssl_server_credentials(pairs, roots, clients is not None))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=clients.ca_file if clients else None)
    context.load_cert_chain(server.cert_file, server.key_file)
    context.verify_mode = ssl.CERT_REQUIRED if clients else ssl.CERT_NONE
    return http_next_hop(tls=context)


@both
async def test_a_next_hop_whom_our_authority_vouches_for_is_trusted(protocol, authority):
    async with secure_hop(protocol, authority.issue("server")) as hop:
        tls = {"ca_file": authority.ca_file}
        async with exporter(Host(), endpoint=hop.url, protocol=protocol, tls=tls) as otlp:
            assert await otlp.export(three_logs()) == Accepted()


@both
async def test_without_a_scheme_tls_is_used_unless_the_settings_say_otherwise(protocol, authority):
    tls = {"ca_file": authority.ca_file}
    async with secure_hop(protocol, authority.issue("server")) as hop:
        place = hop.url.partition("://")[2]
        async with exporter(Host(), endpoint=place, protocol=protocol, tls=tls) as otlp:
            assert await otlp.export(three_logs()) == Accepted()
        async with exporter(
            Host(), FakeTime().clock, endpoint=place, protocol=protocol, tls={"insecure": True}, timeout="2s"
        ) as otlp:
            with pytest.raises(Refused):
                await otlp.export(three_logs())


@both
async def test_a_stranger_gets_nothing_and_the_sender_keeps_the_data(protocol, authority, tmp_path):
    tls = {"ca_file": Authority(tmp_path, "another").ca_file}
    async with secure_hop(protocol, authority.issue("server")) as hop:
        async with exporter(Host(), FakeTime().clock, endpoint=hop.url, protocol=protocol, tls=tls) as otlp:
            with pytest.raises(Refused):
                await otlp.export(three_logs())
        assert not hop.got


@pytest.mark.filterwarnings(
    # asyncio of Python 3.10 forgets to close what a refused handshake has opened
    "ignore::pytest.PytestUnraisableExceptionWarning" if sys.version_info < (3, 11) else "error"
)
@both
@pytest.mark.parametrize("in_one_file", [False, True])
async def test_we_prove_who_we_are_where_that_is_asked_for(protocol, in_one_file, authority):
    server, ours = authority.issue("server"), authority.issue("ours")
    tls = {"ca_file": authority.ca_file, "cert_file": ours.cert_file, "key_file": ours.key_file}
    if in_one_file:
        ours.cert_file.write_bytes(ours.cert + ours.key)
        del tls["key_file"]
    async with secure_hop(protocol, server, clients=authority) as hop:
        async with exporter(Host(), endpoint=hop.url, protocol=protocol, tls=tls) as otlp:
            assert await otlp.export(three_logs()) == Accepted()
        anonymous = {"ca_file": authority.ca_file}
        async with exporter(
            Host(), FakeTime().clock, endpoint=hop.url, protocol=protocol, tls=anonymous, timeout="2s"
        ) as otlp:
            with pytest.raises(Refused):
                await otlp.export(three_logs())


@both
@pytest.mark.parametrize("key", ["ca_file", "cert_file"])
@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
async def test_a_file_that_is_no_good_is_found_at_start(protocol, key, content, tmp_path):
    file = tmp_path / "some.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"^exporters\.otlp\.tls\.{key}: .*some\.pem"):
        async with exporter(Host(), endpoint="https://localhost:1", protocol=protocol, tls={key: file}):
            pass


@both
async def test_a_key_of_another_certificate_is_found_at_start(protocol, authority):
    ours, others = authority.issue("ours"), authority.issue("others")
    tls = {"cert_file": ours.cert_file, "key_file": others.key_file}
    with pytest.raises(ConfigError, match=r"^exporters\.otlp\.tls\.cert_file: "):
        async with exporter(Host(), endpoint="https://localhost:1", protocol=protocol, tls=tls):
            pass

"""What is wrong with a door's settings is said before it opens, with the path of the setting."""

from __future__ import annotations

import ssl

import pytest
from certificates import Authority
from cryptography.hazmat.primitives import serialization
from otlp_samples import build
from pydantic import ValidationError

from otel_insights.errors import ConfigError
from otel_insights.receivers import otlp_grpc, otlp_http

both_doors = pytest.mark.parametrize("module", [otlp_grpc, otlp_http])


async def why_not(host, module, **settings) -> str:
    """Start a receiver that cannot start."""
    receiver = build(module.FACTORY, endpoint="127.0.0.1:0", **settings)
    with pytest.raises(ConfigError) as told:
        await receiver.start(host)
    await receiver.stop()
    return str(told.value).removeprefix(f"receivers.{module.FACTORY.type}.")


@both_doors
@pytest.mark.parametrize("setting", ["cert_file", "key_file", "client_ca_file"])
async def test_a_tls_file_that_is_missing_is_named(host, tmp_path, module, setting):
    authority = Authority(tmp_path)
    server = authority.issue("server")
    tls = {"cert_file": server.cert_file, "key_file": server.key_file, "client_ca_file": authority.ca_file}
    told = await why_not(host, module, tls=tls | {setting: tmp_path / "none"})
    assert told.startswith(f"tls.{setting}: expected a file that can be read, got '")
    assert "none: No such file" in told


@both_doors
async def test_a_key_of_another_certificate_is_refused(host, tmp_path, module):
    authority = Authority(tmp_path)
    one, other = authority.issue("one"), authority.issue("other")
    told = await why_not(host, module, tls={"cert_file": one.cert_file, "key_file": other.key_file})
    assert told.startswith("tls.cert_file: expected a PEM certificate, and the key that belongs to it")


@both_doors
async def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(host, tmp_path, module):
    server = Authority(tmp_path).issue("server")
    key = serialization.load_pem_private_key(server.key, None)
    encryption = serialization.BestAvailableEncryption(b"secret")
    form = serialization.PrivateFormat.PKCS8
    server.key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, encryption))
    told = await why_not(host, module, tls={"cert_file": server.cert_file, "key_file": server.key_file})
    assert "without a password" in told


@both_doors
async def test_an_authority_that_is_no_certificate_is_refused(host, tmp_path, module):
    server = Authority(tmp_path).issue("server")
    (tmp_path / "ca").write_text("not PEM")
    tls = {"cert_file": server.cert_file, "key_file": server.key_file, "client_ca_file": tmp_path / "ca"}
    assert (await why_not(host, module, tls=tls)).startswith("tls.client_ca_file: expected a file of PEM certificates")


@both_doors
async def test_a_token_that_is_missing_or_empty_is_refused(host, tmp_path, module):
    """An empty one would let everybody in who says `Bearer`."""
    (tmp_path / "empty").write_text("\n")
    for auth, told in (
        ({"bearer_token": ""}, "auth.bearer_token: expected a token that is not empty"),
        ({"bearer_token_file": tmp_path / "empty"}, "auth.bearer_token_file: expected a token that is not empty"),
        ({"bearer_token_file": tmp_path / "none"}, "auth.bearer_token_file: expected a file that can be read"),
    ):
        assert (await why_not(host, module, auth=auth)).startswith(told)


@both_doors
@pytest.mark.parametrize(
    "settings",
    [
        {"endpoint": "localhost"},
        {"endpoint": "::1:4317"},
        {"endpoint": "localhost:65536"},
        {"max_message_bytes": 0},
        {"auth": {}},
        {"auth": {"bearer_token": "x", "bearer_token_file": "y"}},
        {"tls": {"cert_file": "x"}},
        {"drain": 5},
    ],
    ids=str,
)
def test_settings_that_cannot_be_meant_are_refused_when_they_are_read(module, settings):
    with pytest.raises(ValidationError, match=next(iter(settings))):
        module.FACTORY.settings(**settings)


@both_doors
def test_a_token_is_not_shown(module):
    assert "s3cret" not in repr(module.FACTORY.settings(auth={"bearer_token": "s3cret"}))


async def test_tls_is_1_2_at_least(host, tmp_path):
    server = Authority(tmp_path).issue("server")
    settings = otlp_http.FACTORY.settings(tls={"cert_file": server.cert_file, "key_file": server.key_file})
    assert settings.tls.load("tls").context.minimum_version >= ssl.TLSVersion.TLSv1_2

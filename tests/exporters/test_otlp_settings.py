"""What can be said of a next hop in the configuration, and what is refused there."""

import pytest
from next_hop import Host, exporter
from pydantic import ValidationError

from otel_insights.component import ComponentId
from otel_insights.exporters.otlp import FACTORY, OtlpSettings

OTLP = ComponentId("otlp")


@pytest.mark.parametrize(
    ("endpoint", "protocol", "place", "secure"),
    [
        ("http://localhost:4317", "grpc", "localhost:4317", False),
        ("http://localhost:4317/", "grpc", "localhost:4317", False),
        ("https://collector.example.org:443", "grpc", "collector.example.org:443", True),
        ("collector:4317", "grpc", "collector:4317", True),
        ("[::1]:4317", "grpc", "[::1]:4317", True),
        ("http://localhost:4318", "http", "localhost:4318", False),
        ("https://example.org/otlp/", "http/protobuf", "example.org:443", True),
        ("http://example.org", "http", "example.org:80", False),
    ],
)
def test_an_endpoint_says_where_and_whether_over_tls(endpoint, protocol, place, secure):
    found = OtlpSettings(endpoint=endpoint, protocol=protocol).target(OTLP).endpoint
    assert (found.authority, found.secure) == (place, secure)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize(
    "endpoint",
    [
        "", "localhost", ":4317", "http://", "http://:4317", "ftp://localhost:21", "localhost:port", "localhost:99999",
        "local host:4317", "localhost:0", "http://me:secret@localhost:4317", "http://localhost:4317?x=1", "[::1:4317",
    ],
)  # fmt: skip
def test_a_malformed_endpoint_is_refused_before_anything_starts(protocol, endpoint):
    with pytest.raises(ValidationError, match="expected"):
        OtlpSettings(endpoint=endpoint, protocol=protocol)


@pytest.mark.parametrize("endpoint", ["http://localhost", "http://localhost:4317/v1/traces"])
def test_grpc_has_no_paths_and_no_usual_port(endpoint):
    with pytest.raises(ValidationError, match="expected"):
        OtlpSettings(endpoint=endpoint, protocol="grpc")


@pytest.mark.parametrize(
    "headers", [{"a b": "x"}, {"": "x"}, {"x-bin": "x"}, {"x": "line\nbreak"}, {"x": "größe"}, {"x:": "y"}]
)
def test_headers_that_cannot_travel_are_refused(headers):
    with pytest.raises(ValidationError, match="expected"):
        OtlpSettings(endpoint="http://localhost:4317", headers=headers)


def test_values_of_headers_are_secret():
    settings = OtlpSettings(endpoint="http://localhost:4317", headers={"authorization": "Bearer abc"})
    assert "abc" not in repr(settings)
    assert settings.target(OTLP).headers == (("authorization", "Bearer abc"),)


def test_every_signal_is_taken():
    assert FACTORY.signals == {"traces", "logs", "metrics"}


async def test_stopping_what_never_started_is_harmless():
    otlp = FACTORY.build(OTLP, OtlpSettings(endpoint="http://localhost:1"))
    await otlp.stop()


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_it_starts_where_nobody_listens(protocol):
    async with exporter(Host(), endpoint="http://nowhere.invalid:4317", protocol=protocol):
        pass

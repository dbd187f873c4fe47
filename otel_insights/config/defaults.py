"""What is done when no file says anything: OTLP in, insights kept, and sent on if the environment says where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

_PREFIX = "OTEL_EXPORTER_OTLP_"


def default_tree(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Give the default components and pipelines, as a file would have them, and what a person should know of them."""
    exporters, warnings = default_exporters(environ), []
    if exporters and _is_our_own(exporters["otlp"]["endpoint"]):
        warnings = [f"{_PREFIX}ENDPOINT: expected an endpoint after us, got our own; nothing is sent on"]
        exporters = {}
    learn = ["memory_limiter", "environments", "exceptions", "logs", "runs", "suggestions"]
    watch = [*learn[:2], "anomalies"]
    both = ["otlp_grpc", "otlp_http"]
    lines = {
        "traces": (both, [one for one in learn if one not in {"logs", "runs"}]),
        "logs": ([*both, "insights"], learn),
        "metrics": ([*both, "insights"], watch),
    }
    pipelines = {
        signal: {"receivers": receivers, "processors": processors, "exporters": list(exporters)}
        for signal, (receivers, processors) in lines.items()
    }
    tree = {
        "receivers": dict.fromkeys([*both, "insights"]),
        "processors": dict.fromkeys([*learn, "anomalies"]),
        "exporters": exporters,
        "service": {"pipelines": pipelines},
    }
    return tree, warnings


def default_exporters(environ: Mapping[str, str]) -> dict[str, Any]:
    """Give the exporter that the OpenTelemetry environment variables describe, or none without an endpoint.

    Read as the specification of OTLP exporters says (opentelemetry.io/docs/specs/otel/protocol/exporter), from those
    that hold for all signals. Where none names the protocol, port 4317 means gRPC, and any other one HTTP.
    """
    values = {name: environ.get(_PREFIX + name, "").strip() for name in _NAMES}
    endpoint = values["ENDPOINT"]
    if not endpoint:
        return {}
    settings: dict[str, Any] = {
        "endpoint": endpoint,
        "protocol": values["PROTOCOL"] or ("grpc" if endpoint.rstrip("/").endswith(":4317") else "http/protobuf"),
        "headers": parse_headers(values["HEADERS"]),
        "compression": values["COMPRESSION"] or None,
        "timeout": values["TIMEOUT"] and f"{values['TIMEOUT']}ms",
        "tls": {key: values[name] for name, key in _TLS.items() if values[name]},
    }
    return {"otlp": {key: value for key, value in settings.items() if value}}


_TLS = {
    "INSECURE": "insecure",
    "CERTIFICATE": "ca_file",
    "CLIENT_CERTIFICATE": "cert_file",
    "CLIENT_KEY": "key_file",
}
_NAMES = ("ENDPOINT", "PROTOCOL", "HEADERS", "COMPRESSION", "TIMEOUT", *_TLS)


def parse_headers(text: str) -> dict[str, str]:
    """Read `key=value,key=value` with percent-encoded values, as W3C Baggage has it.

    >>> parse_headers("api-key=a%20b, tenant = 7")
    {'api-key': 'a b', 'tenant': '7'}
    """
    pairs = [pair.partition("=") for pair in text.split(",") if "=" in pair]
    return {unquote(key).strip(): unquote(value).strip() for key, _, value in pairs}


_OUR_PORTS = {14317, 14318}
_OUR_HOSTS = {"localhost", "127.0.0.1", "::1", "0.0.0.0"}  # noqa: S104 - compared, not bound


def _is_our_own(endpoint: str) -> bool:
    """Tell whether an endpoint is a door of the default receivers: the variable is often set for the applications."""
    try:
        parts = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    return host in _OUR_HOSTS and port in _OUR_PORTS

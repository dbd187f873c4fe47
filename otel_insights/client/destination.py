"""Where exports go, as arguments and OTEL_EXPORTER_OTLP_* say; and a single request there, without any retry.

For what comes from the spool, as bytes: the SDK's exporters take records of the process's own only.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from otel_insights.client.lines import request
from otel_insights.client.spool import Answer

_CONNECT, _READ = 2.0, 10.0
"""Seconds."""
_NEVER = frozenset({400, 413, 415, 422})
"""HTTP: the same bytes will be refused again. All else may change: credentials, paths, load."""


@dataclass(frozen=True, slots=True)
class Destination:
    """An OTLP/HTTP server. Arguments win over variables; certificates and compression are read from variables only."""

    endpoint: str | None = None
    """Base URL, without `/v1/...`."""
    headers: Mapping[str, str] | None = field(default=None, repr=False)

    def url(self, signal: str) -> str:
        """Give the URL of `logs`, `traces` or `metrics`."""
        if self.endpoint is None and (own := os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT")):
            return own
        base = self.endpoint or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or "http://localhost:4318"
        return f"{base.rstrip('/')}/v1/{signal}"

    def _headers(self, signal: str) -> dict[str, str]:
        from opentelemetry.util.re import parse_env_headers  # noqa: PLC0415 - the API is loaded by who uses it

        given = {name.lower(): value for name, value in (self.headers or {}).items()}
        return {**parse_env_headers(_variable(signal, "HEADERS"), liberal=True), **given}

    @property
    def id(self) -> str:
        """Tell destinations apart: what was meant for one, or for one tenant of it, is not sent to another."""
        said = [(self.url(signal), sorted(self._headers(signal).items())) for signal in ("logs", "traces", "metrics")]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]

    def post(self, line: bytes) -> Answer:
        """Send a line of the spool. Redirects are not followed: headers may hold secrets."""
        import requests  # noqa: PLC0415 - the exporter has it; loaded only where something is to be sent again

        try:
            signal, body = request(line)
        except ValueError:
            return Answer.NEVER
        body, encoding = _compressed(body, _variable(signal, "COMPRESSION").strip().lower())
        certificate, key = _variable(signal, "CLIENT_CERTIFICATE"), _variable(signal, "CLIENT_KEY")
        try:
            answer = requests.post(
                self.url(signal),
                data=body,
                headers={**self._headers(signal), "content-type": "application/x-protobuf", **encoding},
                timeout=(_CONNECT, _READ),
                verify=_variable(signal, "CERTIFICATE") or True,
                cert=(certificate, key) if certificate and key else certificate or None,
                allow_redirects=False,
            )
        except requests.RequestException:
            return Answer.LATER
        if answer.ok and not answer.is_redirect:
            return Answer.TAKEN
        return Answer.NEVER if answer.status_code in _NEVER else Answer.LATER


def _variable(signal: str, name: str) -> str:
    own = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}")
    return own or os.environ.get(f"OTEL_EXPORTER_OTLP_{name}", "")


def _compressed(body: bytes, how: str) -> tuple[bytes, dict[str, str]]:
    if how == "gzip":
        return gzip.compress(body, 1), {"content-encoding": "gzip"}
    if how == "deflate":
        return zlib.compress(body), {"content-encoding": "deflate"}
    return body, {}

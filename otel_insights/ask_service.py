"""Asking the API of a service that runs with a configuration, on this machine."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any

from otel_insights.config import Config
from otel_insights.config.sections import ApiSection
from otel_insights.endpoint import host_and_port
from otel_insights.errors import ConfigError

_PATIENCE_SECONDS = 3600.0
"""An analysis may take long; a connection that is refused is told at once."""


class NoAnswerError(Exception):
    """Nobody answers there, or not with what was asked for."""


def ask(config: Config, method: str, path: str) -> dict[str, Any]:
    """Ask a route that answers a JSON object, with the configuration's own token and certificate.

    Raises ConfigError where the API is switched off or a token cannot be read, and NoAnswerError.
    """
    if config.api is None:
        raise ConfigError("api", "expected an API, got null: a service without one cannot be asked")
    host, port = host_and_port(config.api.endpoint)
    connection = _connection(config.api, host, port)
    try:
        connection.request(method, path, headers=_token(config.api))
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswerError(f"no service answers at {config.api.endpoint}: {error}") from error
    finally:
        connection.close()
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise NoAnswerError(f"{config.api.endpoint} answers {answer.status}, and not as otel-insights does")
    if answer.status >= http.client.BAD_REQUEST:
        raise NoAnswerError(f"{config.api.endpoint} answers {answer.status}: {told.get('detail') or told.get('title')}")
    return told


def _connection(api: ApiSection, host: str, port: int) -> http.client.HTTPConnection:
    if api.tls is None:
        return http.client.HTTPConnection(host, port, timeout=_PATIENCE_SECONDS)
    # its own certificate, which need not be of the address that it listens on
    context = ssl.create_default_context(cafile=str(api.tls.cert_file))
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return http.client.HTTPSConnection(host, port, timeout=_PATIENCE_SECONDS, context=context)


def _token(api: ApiSection) -> dict[str, str]:
    token = None if api.auth is None else api.auth.token("write") or api.auth.token("read")
    return {"Authorization": f"Bearer {token.decode('latin-1')}"} if token else {}

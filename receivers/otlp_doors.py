"""What both OTLP doors share: their settings, who may come in, and how bugs of ours are written down."""

from __future__ import annotations

import hmac
import logging
import ssl
import time
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, SecretStr, model_validator

from otel_insights.component import Receiver, Settings
from otel_insights.errors import ConfigError, InsightsError, Unauthenticated
from otel_insights.units import ByteSize, Duration

_log = logging.getLogger(__name__)
_ONCE_IN = 60.0


class TlsSettings(Settings):
    """TLS for those who come in; with `client_ca_file` they have to show a certificate as well (mTLS)."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None

    def load(self, path: str) -> TlsFiles:
        """Read the files. Raises ConfigError, which begins with `path` and the setting, for one that is of no use."""
        cert, key = _content(self.cert_file, f"{path}.cert_file"), _content(self.key_file, f"{path}.key_file")
        client_ca = _content(self.client_ca_file, f"{path}.client_ca_file") if self.client_ca_file else None
        try:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self.cert_file, self.key_file, password=_no_password)
        except (OSError, ValueError) as error:
            expected = "a PEM certificate, and the key that belongs to it without a password"
            raise ConfigError(f"{path}.cert_file", expected, f"{self.cert_file}: {error}") from error
        if self.client_ca_file:
            try:
                context.load_verify_locations(self.client_ca_file)
            except OSError as error:
                expected, got = "a file of PEM certificates", f"{self.client_ca_file}: {error}"
                raise ConfigError(f"{path}.client_ca_file", expected, got) from error
            context.verify_mode = ssl.CERT_REQUIRED
        return TlsFiles(cert, key, client_ca, context)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What the files hold, and the same as a context of Python's."""

    cert: bytes
    key: bytes
    client_ca: bytes | None
    context: ssl.SSLContext


def _content(file: Path, path: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(path, "a file that can be read", f"{file}: {error.strerror}") from error


def _no_password() -> str:
    """Keep OpenSSL from asking on the terminal."""
    raise ValueError("the key has a password")


class AuthSettings(Settings):
    """A bearer token (RFC 6750) that every request has to carry: itself, or a file that holds it."""

    bearer_token: SecretStr | None = None
    bearer_token_file: Path | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> AuthSettings:
        if (self.bearer_token is None) == (self.bearer_token_file is None):
            raise ValueError("expected bearer_token or bearer_token_file, and not both")
        return self

    def expected(self, path: str) -> bytes:
        """Give the token. Raises ConfigError, which begins with `path`, where it is empty or cannot be read."""
        token = b""
        if self.bearer_token is not None:
            path, token = f"{path}.bearer_token", self.bearer_token.get_secret_value().encode()
        elif self.bearer_token_file:
            path = f"{path}.bearer_token_file"
            token = _content(self.bearer_token_file, path)
        if not token.strip():
            raise ConfigError(path, "expected a token that is not empty")
        return token.strip()


class DoorSettings(Settings):
    """Settings of an OTLP door."""

    max_message_bytes: ByteSize = Field(default=64 * 2**20, ge=1)
    """The most that a request may hold once it is unpacked."""
    tls: TlsSettings | None = None
    auth: AuthSettings | None = None
    drain: Duration = 5.0
    """How long requests under way may take when the receiver stops."""


class Guard:
    """Lets in who carries the token, or everybody where there is none."""

    def __init__(self, auth: AuthSettings | None, path: str) -> None:
        """Read the token; raises ConfigError, which begins with `path`, where there is none to read."""
        self._expected = auth.expected(path) if auth else None

    def check(self, authorization: bytes) -> None:
        """Raise Unauthenticated unless the Authorization header is right; the time taken does not tell how wrong."""
        if self._expected is None:
            return
        scheme, _, token = authorization.partition(b" ")
        if not hmac.compare_digest(token.strip(), self._expected) or scheme.lower() != b"bearer":
            raise Unauthenticated("expected the header Authorization: Bearer, with the configured token")


class Failures:
    """Writes down bugs of ours that a sender met, each kind once a minute: a flood of them must not become our own."""

    def __init__(self) -> None:
        self._written: dict[type[BaseException], float] = {}

    def note(self, receiver: Receiver, error: Exception) -> None:
        """Write down an unexpected error with its traceback; InsightsErrors are answers, and are not written."""
        now = time.monotonic()
        if isinstance(error, InsightsError) or now - self._written.get(type(error), -_ONCE_IN) < _ONCE_IN:
            return
        self._written[type(error)] = now
        _log.error("receivers.%s: an error of ours, the sender is asked to try again", receiver.id, exc_info=error)

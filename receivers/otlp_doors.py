"""What both OTLP doors share: who may come in, how large a request may be, and how it is unpacked."""

from __future__ import annotations

import hmac
import logging
import ssl
import time
from pathlib import Path

from isal import isal_zlib
from pydantic import Field, SecretStr, model_validator

from otel_insights.component import Receiver, Settings
from otel_insights.errors import BadData, ConfigError, InsightsError, TooLarge, Unauthenticated
from otel_insights.payload import Payload, Signal
from otel_insights.units import ByteSize, Duration

_log = logging.getLogger(__name__)
GZIP = b"\x1f\x8b"
"""How every gzip stream begins, and no protobuf message: 0x1f would be a field of wire type 7, which does not exist."""
_GZIP_WINDOW = 31  # zlib's number for a gzip header and trailer
_CHUNK = 4 << 20


class TlsSettings(Settings):
    """TLS for those who come in; with `client_ca_file` they have to show a certificate as well (mTLS)."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Load the files. Raises OSError or ssl.SSLError."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.client_ca_file)
        context.load_cert_chain(self.cert_file, self.key_file)
        if self.client_ca_file:
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class AuthSettings(Settings):
    """A bearer token (RFC 6750) that every request has to carry: itself, or a file that holds it."""

    bearer_token: SecretStr | None = None
    bearer_token_file: Path | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> AuthSettings:
        if (self.bearer_token is None) == (self.bearer_token_file is None):
            raise ValueError("expected bearer_token or bearer_token_file, and not both")
        return self

    def expected(self) -> str:
        """Give the token. Raises OSError where its file cannot be read, ConfigError where it is empty."""
        if self.bearer_token_file:
            token = self.bearer_token_file.read_text(encoding="utf-8").strip()
        else:
            token = self.bearer_token.get_secret_value() if self.bearer_token else ""
        if not token:
            raise ConfigError("auth", "a token that is not empty")
        return token


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

    def __init__(self, auth: AuthSettings | None) -> None:
        self._expected = b"Bearer " + auth.expected().encode() if auth else None

    def check(self, authorization: bytes) -> None:
        """Raise Unauthenticated unless the Authorization header is right; the time taken does not tell how wrong."""
        if self._expected is None:
            return
        scheme, _, token = authorization.partition(b" ")
        if not hmac.compare_digest(b"Bearer " + token.strip(), self._expected) or scheme.lower() != b"bearer":
            raise Unauthenticated("expected the header Authorization: Bearer, with the configured token")


def unpack(signal: Signal, body: bytes, most: int) -> Payload:
    """Make a payload of a protobuf request that may be compressed with gzip.

    Memory stays below `most` bytes and a chunk, whatever the body would unpack to. Raises TooLarge, and BadData for a
    broken stream and for broken framing.
    """
    if body[:2] != GZIP:
        if len(body) > most:
            raise TooLarge(f"the request has {len(body)} bytes, the limit is {most}")
        payload = Payload(signal, body)
    else:
        payload = Payload(signal, inflate(body, most), gzipped=body)
    payload.resources()  # broken framing is told here, before anybody has acted on a part of it
    return payload


def inflate(body: bytes, most: int) -> bytes:
    """Decompress gzip, of one member or several, to at most so many bytes. Raises TooLarge or BadData."""
    parts: list[bytes] = []
    size = 0
    rest = body
    try:
        while rest:
            stream = isal_zlib.decompressobj(_GZIP_WINDOW)
            piece = stream.decompress(rest, _CHUNK)
            while True:
                size += len(piece)
                if size > most:
                    parts.clear()  # the error's traceback would hold them until it has been answered
                    raise TooLarge(f"the request unpacks to more than the limit of {most} bytes")
                parts.append(piece)
                if stream.eof:
                    break
                if not stream.unconsumed_tail and not piece:
                    raise BadData("the gzip stream ends too early")
                piece = stream.decompress(stream.unconsumed_tail, _CHUNK)
            rest = stream.unused_data
    except isal_zlib.error as error:  # type: ignore[misc]  # the stubs take the class for an instance
        raise BadData(f"the gzip stream is broken: {error}") from error
    return parts[0] if len(parts) == 1 else b"".join(parts)


class Failures:
    """Writes down bugs of ours that a sender met, each kind once a minute: a flood of them must not become our own."""

    def __init__(self) -> None:
        self._written: dict[type[BaseException], float] = {}

    def note(self, receiver: Receiver, error: Exception) -> None:
        """Write down an unexpected error with its traceback; InsightsErrors are answers, and are not written."""
        now = time.monotonic()
        if isinstance(error, InsightsError) or now - self._written.get(type(error), -60.0) < 60.0:  # noqa: PLR2004
            return
        self._written[type(error)] = now
        _log.error("receivers.%s: an error of ours, the sender is asked to try again", receiver.id, exc_info=error)

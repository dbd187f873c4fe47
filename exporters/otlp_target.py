"""Where an OTLP exporter sends to, and how it proves itself there."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from otel_insights.errors import ConfigError

_EXPECTED: Final = "expected host:port or a URL such as http://localhost:4317"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A place on the network; `secure` means TLS."""

    host: str
    port: int
    secure: bool
    path: str = ""
    """What stands before `/v1/traces` over HTTP, without a slash at its end."""

    @property
    def authority(self) -> str:
        """`host:port`, as a URL has it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The base URL."""
        return f"{'https' if self.secure else 'http'}://{self.authority}{self.path}"


def parse_endpoint(text: str, *, over_http: bool, insecure: bool = False) -> Endpoint:
    """Read `host:port` or an http(s) URL. Raises ValueError, which says what was expected.

    The scheme decides about TLS. Without one, TLS is used unless `insecure` says otherwise, as the specification of
    OTLP exporters has it. A path only means something over HTTP, and only a URL may leave out the port there.

    >>> parse_endpoint("http://localhost:4317", over_http=False)
    Endpoint(host='localhost', port=4317, secure=False, path='')
    >>> parse_endpoint("https://example.org/otlp/", over_http=True).url
    'https://example.org:443/otlp'
    """
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{_EXPECTED} ({error})") from None
    _check(text, parts)
    secure = parts.scheme == "https" if parts.scheme else not insecure
    if port is None and over_http and parts.scheme:
        port = 443 if secure else 80
    if not host or not port:
        raise ValueError(_EXPECTED)
    path = parts.path.rstrip("/")
    if path and not over_http:
        raise ValueError("expected an endpoint without a path, since gRPC has none")
    return Endpoint(host, port, secure, path)


def _check(text: str, parts: SplitResult) -> None:
    if parts.scheme not in ("", "http", "https") or any(sign.isspace() for sign in text):
        raise ValueError(_EXPECTED)
    if parts.username is not None:
        raise ValueError("expected an endpoint without credentials: they belong into headers")
    if parts.query or parts.fragment:
        raise ValueError("expected an endpoint without a query or fragment")


def proxy_for(endpoint: Endpoint) -> str | None:
    """Read `http_proxy`, `https_proxy` and `no_proxy`, as gRPC does on its own; aiohttp would read ~/.netrc as well.

    Raises ConfigError for a proxy that is no http(s) URL.
    """
    if proxy_bypass(endpoint.authority):
        return None
    name = "https" if endpoint.secure else "http"
    proxy = getproxies().get(name)
    if proxy and not proxy.startswith(("http://", "https://")):
        raise ConfigError(f"environment variable {name}_proxy", "expected a URL such as http://proxy:3128")
    return proxy


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM form; None means the system's authorities, and no certificate of our own."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def context(self, path: str) -> ssl.SSLContext:
        """Read the files. Raises ConfigError, which begins with `path` and the setting, for one that cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise ConfigError(f"{path}.ca_file", "a file of PEM certificates", f"{self.ca_file}: {error}") from error
        if self.cert_file:
            try:
                context.load_cert_chain(self.cert_file, self.key_file, password=_no_password)
            except (OSError, ValueError) as error:
                expected = "a PEM certificate, and the key that belongs to it without a password"
                raise ConfigError(f"{path}.cert_file", expected, f"{self.cert_file}: {error}") from error
        return context

    def ca_pem(self) -> bytes | None:
        """Give the authorities as gRPC wants them."""
        return self.ca_file.read_bytes() if self.ca_file else None

    def own_pem(self) -> tuple[bytes | None, bytes | None]:
        """Give our key and our certificate as gRPC wants them. One file may hold both."""
        if self.cert_file is None:
            return None, None
        return (self.key_file or self.cert_file).read_bytes(), self.cert_file.read_bytes()


def _no_password() -> str:
    """Keep OpenSSL from asking on the terminal."""
    raise ValueError("the key has a password")


@dataclass(frozen=True, slots=True)
class Target:
    """All that a client must know of the next hop."""

    endpoint: Endpoint
    headers: tuple[tuple[str, str], ...] = ()
    gzip: bool = False
    certificates: Certificates = Certificates()
    config_path: str = ""
    """Where the certificates stand in the configuration, such as `exporters.otlp.tls`: errors begin with it."""

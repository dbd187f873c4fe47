"""Where a server listens, as settings have it: `host:port`; and URLs without what nobody is to read."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

_PASSWORD = re.compile(r"(?<=:)[^:/@\s]+(?=@)")


def without_password(url: str) -> str:
    """Mask the password that a URL may hold.

    >>> without_password("postgresql://me:hunter2@db/insights")
    'postgresql://me:**********@db/insights'
    """
    return _PASSWORD.sub("**********", url)


def host_and_port(endpoint: str) -> tuple[str, int]:
    """Split `host:port`; raises ValueError, whose text says what was expected, for anything else.

    >>> host_and_port("[::1]:8080")
    ('::1', 8080)
    """
    host, colon, port = endpoint.rpartition(":")
    is_port = port.isascii() and port.isdecimal() and int(port) < 65536  # noqa: PLR2004 - a port has 16 bits
    if not (colon and host and is_port) or (":" in host and not host.startswith("[")):
        raise ValueError(f"expected host:port, got {endpoint!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _checked(text: str) -> str:
    host_and_port(text)
    return text


Endpoint = Annotated[str, AfterValidator(_checked)]
"""`host:port`, checked; port 0 takes a free one."""

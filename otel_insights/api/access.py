"""Who may do what: bearer tokens with a scope, and what a browser shows instead of one once a person has signed in."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Literal

from otel_insights.config.sections import ApiAuthSection

Scope = Literal["read", "write"]
COOKIE = "otel_insights_session"
SESSION_SECONDS = 12 * 3600


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens that there are; with none, everybody may do everything."""

    read: bytes | None = None
    write: bytes | None = None

    @classmethod
    def of(cls, section: ApiAuthSection | None) -> Tokens:
        """Read the tokens of a configuration. Raises ConfigError for one that cannot be read."""
        return cls(section.token("read"), section.token("write")) if section else cls()

    @property
    def open(self) -> bool:
        """Tell whether nobody needs a token."""
        return self.read is None and self.write is None

    def scope_of(self, token: bytes) -> Scope | None:
        """Tell what a token allows; the time taken does not tell how wrong it is."""
        found: Scope | None = None
        if self.read is not None and hmac.compare_digest(token, self.read):
            found = "read"
        if self.write is not None and hmac.compare_digest(token, self.write):
            found = "write"
        return found

    def scope(self, authorization: str, cookies: str, now: float) -> Scope | None:
        """Tell what a request may do, by its headers Authorization and Cookie; `now` is in seconds."""
        if self.open:
            return "write"
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return self.scope_of(token.strip().encode("latin-1", "replace"))
        return self._of_session(_cookie(cookies), now)

    def session(self, scope: Scope, now: float) -> str:
        """Write what a browser shows from now on. It ends by itself, and with the token."""
        until = str(int(now) + SESSION_SECONDS)
        return f"{scope}.{until}.{self._seal(scope, until)}"

    def _of_session(self, text: str, now: float) -> Scope | None:
        scope, _, rest = text.partition(".")
        until, _, seal = rest.partition(".")
        if scope not in ("read", "write") or not until.isdecimal() or int(until) < now:
            return None
        expected = self._seal(scope, until)  # type: ignore[arg-type] # checked in the line above
        right = bool(expected) and hmac.compare_digest(seal.encode(), expected.encode())
        return scope if right else None  # type: ignore[return-value] # likewise

    def _seal(self, scope: Scope, until: str) -> str:
        token = self.read if scope == "read" else self.write
        if token is None:
            return ""
        return hmac.new(hashlib.sha256(token).digest(), f"session {scope} {until}".encode(), "sha256").hexdigest()


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""

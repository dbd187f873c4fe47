"""What may not leave a process, and what stands for it. The one place where these rules are written."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import socket
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

REDACTED = "[redacted]"
COUNT = "otel_insights.redactions"
"""Attribute of an event: how many values in it were replaced."""

RULES: Final = ("secrets", "cards", "emails", "hosts", "ips", "homes")
"""What is looked for. Secrets: by name, by shape, in URLs, among arguments."""

_V = TypeVar("_V")

_SENSITIVE = (
    r"passw(?:or)?d|passphrase|passwort|pwd|secret|token(?!i[sz]|s\W{0,3}\d)|api[_-]?key|access[_-]?key|account[_-]?key"
    r"|private[_-]?key"
    r"|secret[_-]?key|signing[_-]?key|encryption[_-]?key|shared[_-]?key|credential|authorization|x-auth|cookie"
    r"|session[_-]?(?:id|key)|csrf|xsrf|pin[_-]?code"
    r"|(?<![a-z])(?:otp|cvv|ssn|dsn)(?![a-z])|connection[_-]?string|conn[_-]?str"
)
# one of these is in every name above, whatever its case: quick to see
_STEMS = (
    *("passw", "passphrase", "pwd", "secret", "token", "api", "key", "credential", "authorization", "x-auth", "cookie"),
    *("session", "csrf", "xsrf", "pin", "otp", "cvv", "ssn", "dsn", "conn"),
)
_IS_SENSITIVE = re.compile(rf"(?:{_SENSITIVE})", re.IGNORECASE)
# of OpenTelemetry and of ours, though they have `token` or the like in them
_HARMLESS_NAME = re.compile(r"^(?:exception\.|otel_insights\.|gen_ai\.usage\.|package\.)")
_MANY_TOKENS = re.compile(r"tokens(?![a-z])", re.IGNORECASE)

# words and what joins them, as names of attributes have them: no secret and no address is so
_PLAIN_NAME = re.compile(r"(?:[A-Za-z]{1,15}[._/]){0,12}[A-Za-z]{1,15}[0-9]{0,3}")

# values that a secret's name may have and that say nothing
_PLAIN = r"(?:None|True|False|null|true|false|str|int|bytes|bool|Any|Optional)\b"
_NAMED = re.compile(
    rf"(?=[psctaexod])(?P<name>(?:{_SENSITIVE})[\w-]{{0,40}}"
    rf"(?P<quote>\\{{0,3}}[\"']?)\]?[ \t]{{0,3}}(?:=>|[=:](?!>))[ \t]{{0,3}})"
    rf"(?!{_PLAIN}|\[redacted\])"
    r"(?P<value>[bfru]{0,2}\"(?:[^\"\\\n]|\\.){0,4000}\"?|[bfru]{0,2}'(?:[^'\\\n]|\\.){0,4000}'?"
    r"|\\{1,3}(?P<escaped>[\"'])(?:(?!\\{1,3}(?P=escaped))[^\n]){0,4000}\\{0,3}(?:(?P=escaped))?"
    r"|(?:bearer|basic|digest|token|negotiate)\s+[^\s,;'\"]{1,4000}|[^\s,;&'\")}\]]{1,4000})",
    re.IGNORECASE,
)
_ARGUMENT = re.compile(
    rf"(?<![\w-])(?P<name>--?[\w-]{{0,40}}(?:{_SENSITIVE})[\w-]{{0,20}}(?:'|\")?,?\s+['\"]?)(?!--?)[^\s'\",]+",
    re.IGNORECASE,
)


_Shape = tuple[str, re.Pattern[str]]


def _by_mark(*rows: tuple[str, str]) -> tuple[tuple[str, tuple[_Shape, ...]], ...]:
    """Make rules. One is tried only on a text with the word that it begins with, which is quick to see.

    Still quicker is whether the text has a mark that many of these words have.
    """
    found: dict[str, list[_Shape]] = {mark: [] for mark in ("-", "_", ".", "")}
    for hints, rule in rows:
        for hint in hints.split():
            mark = next(mark for mark in found if mark in hint)
            found[mark].append((hint, re.compile(rule.replace("<hint>", re.escape(hint)))))
    return tuple((mark, tuple(shapes)) for mark, shapes in found.items())


_SHAPES = _by_mark(
    (
        "-----BEGIN",
        (
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----[\s\S]{0,10000}?"
            r"(?:-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----|\Z)"
        ),
    ),
    ("eyJ", r"\beyJ[\w-]{8,4000}\.[\w-]{4,8000}(?:\.[\w-]{0,4000}){0,3}"),  # JWT, JWE
    ("AKIA ASIA AGPA AIDA AROA ANPA", r"\b<hint>[0-9A-Z]{16}\b"),  # AWS
    ("ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"\b<hint>\w{20,255}"),
    ("glpat- gldt- glrt- glcbt-", r"\b<hint>[\w-]{16,100}"),
    ("xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs- xapp-", r"\b<hint>[\w-]{10,255}"),  # Slack
    ("hooks.slack.com/services/", r"\b<hint>[\w/]{10,100}"),
    ("sk_ rk_ pk_ whsec_", r"\b<hint>(?:live_|test_)?[A-Za-z0-9]{16,255}"),  # Stripe
    ("sk-", r"\b<hint>[\w-]{16,255}"),  # OpenAI, Anthropic
    ("AIza ya29. GOCSPX-", r"\b<hint>[\w-]{20,2000}"),  # Google
    ("npm_ hf_", r"\b<hint>[A-Za-z0-9]{20,60}"),
    ("pypi-", r"\b<hint>[\w-]{50,500}"),
    ("dop_v1_ shpat_ shpss_ shpca_ key- AC SK", r"\b<hint>[0-9a-f]{32,80}\b"),  # DigitalOcean, Shopify, Mailgun, Twilio
    ("SG.", r"\b<hint>[\w-]{16,40}\.[\w-]{16,60}"),  # SendGrid
    ("AGE-SECRET-KEY-1", r"\b<hint>[0-9A-Z]{40,80}"),
    ("hvs. hvb. hvr. dckr_pat_", r"\b<hint>[\w-]{20,300}"),  # Vault, Docker
    ("Bearer bearer", r"(?<=\b<hint> )[\w.~+/=-]{8,4000}"),
    ("Basic", r"(?<=\bBasic )[\w+/=-]{8,2000}"),
)
# forty characters of base64 with all three kinds in them: an AWS secret key
_FORTY = re.compile(
    r"(?<![\w/+.=-])(?=[A-Za-z0-9/+]{0,39}[0-9])(?=[A-Za-z0-9/+]{0,39}[a-z])(?=[A-Za-z0-9/+]{0,39}[A-Z])"
    r"[A-Za-z0-9/+]{40}(?![\w/+.=-])"
)
_MAY_BE_CARD = re.compile(r"\d{3}[\d -]{10}")
_CARD = re.compile(r"(?<![\w.-])(?:\d[ -]?){12,18}\d(?![\w-])")
_USERINFO = re.compile(
    r"(?P<scheme>\b[a-zA-Z][\w+.-]{1,30}://)(?P<user>[^\s/@'\"<>]{0,300}(?:@[^\s/@'\"<>]{0,300})?)@(?=[\w\[.-])"
)
_URL_HOST = re.compile(r"(?P<before>\b[a-zA-Z][\w+.-]{1,30}://(?:\[redacted\]@)?)(?P<host>[A-Za-z0-9][\w.-]{0,253})")
_HOST_NAMED = re.compile(
    r"(?P<before>\b(?:host(?:name)?|server|addr(?:ess)?|data source)"
    r"(?P<quote>\\?[\"']?)(?: (?:name|at|named))?\s{0,2}[=:( ]\s{0,2}\\?[\"']?)"
    r"(?P<host>[A-Za-z0-9][\w-]{0,62}(?:\.[\w-]{1,63}){1,8})",
    re.IGNORECASE,
)
_HOST = re.compile(
    r"(?<![\w./\\-])(?!(?:self|cls|threading|importlib)\.)(?:[A-Za-z0-9][\w-]{0,62}\.){1,8}"
    r"(?:internal|intranet|local|localdomain|lan|corp|com|net|org)(?![\w(]|\.\w)"
)
_ENDS_OF_HOSTS = (".internal", ".intranet", ".local", ".lan", ".corp", ".com", ".net", ".org")
_WORDS_OF_HOSTS = ("host", "server", "addr", "data source")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}\b")
_IPV4 = re.compile(r"(?<![\w.])(?<![=~!<>]=)(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}(?:[0-9a-fA-F]{0,4}|(?:\d{1,3}\.){3}\d{1,3})(?![\w:])")
_HOME = re.compile(
    r"(?<![\w.~])(?:[A-Za-z]:)?(?:/|\\{1,4})(?:home|Users|users|Documents and Settings)"
    r"(?:/|\\{1,4})[^/\\\s'\":;,<>|]{1,64}"
)
_HOMES = ("home", "Users", "users", "Documents")
_ROOT = re.compile(r"(?<![\w./~-])/root(?=[/\s'\":;,]|$)")
# four numbers with dots are a version too
_VERSION = re.compile(r"[\w.+!-]{1,64}")
_OF_A_PACKAGE = "package."
_KEPT_HOSTS = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "example.com"})  # noqa: S104 - no address to bind to


@dataclass(slots=True)
class Redactor:
    """Replaces secrets and what identifies people and machines. Counts what it replaces.

    >>> Redactor().text("cannot log in ann@shop.example with password=hunter2 at 10.1.2.3")
    'cannot log in [email] with password=[redacted] at [ip]'
    >>> Redactor(salt="pepper").text("no route to 10.1.2.3")
    'no route to [ip:1b78504f190e134d]'
    """

    salt: str = ""
    """With one, what may be compared leaves as `[kind:16 hex digits]`; secrets never do."""
    count: int = 0
    hostname: str = field(default_factory=socket.gethostname)
    rules: Collection[str] = RULES
    """Which of RULES are heeded."""
    kept: Collection[str] = ()
    """Names whose values are none of ours: they stay as they are."""
    hashed: Collection[str] = ()
    """Names whose values leave as 16 hex digits: SHA-256 of the value and the salt."""
    patterns: Sequence[re.Pattern[str]] = ()
    """What else is a secret; these go first."""
    _own_host: re.Pattern[str] | None = field(default=None, init=False)

    @classmethod
    def of(
        cls,
        *,
        salt: str = "",
        rules: Iterable[str] = RULES,
        keep: Iterable[str] = (),
        hash: Iterable[str] = (),  # noqa: A002 - the setting's name
        patterns: Iterable[str] = (),
    ) -> Redactor:
        """Make one of settings, in the words that they have everywhere. Raises ValueError naming the setting."""
        chosen, hashed = frozenset(rules), frozenset(hash)
        if unknown := sorted(chosen.difference(RULES)):
            raise ValueError(f"rules: expected some of {', '.join(RULES)}, got {', '.join(unknown)}")
        salted(hashed, salt)
        try:
            compiled = [re.compile(checked_pattern(one)) for one in patterns]
        except ValueError as error:
            raise ValueError(f"patterns: {error}") from error
        return cls(salt, rules=chosen, kept=frozenset(keep), hashed=hashed, patterns=compiled)

    def __post_init__(self) -> None:
        """Look for the own name where it is one that no word could be."""
        name = self.hostname
        if len(name) > 5 and not name.isalpha() and name.lower() not in _KEPT_HOSTS:  # noqa: PLR2004
            self._own_host = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")

    def attributes(self, attributes: Mapping[str, _V]) -> dict[str, _V | str | int]:
        """Clean values by their names, then by what is in them; adds how many were replaced."""
        before = self.count
        cleaned: dict[str, _V | str | int] = {
            self.name(key): self._value(key, value) for key, value in attributes.items()
        }
        if self.count > before:
            cleaned[COUNT] = self.count - before
        return cleaned

    def name(self, name: str) -> str:
        """Clean the name of an attribute: what people key by tokens or addresses. A domain may be the half of one.

        >>> Redactor().name("http.route"), Redactor().name("ann@shop.example"), Redactor().name("a.example.com/team1x")
        ('http.route', '[email]', 'a.example.com/team1x')
        """
        return name if name in self.kept or _PLAIN_NAME.fullmatch(name) else self.text(name, is_name=" " not in name)

    def hides(self, key: str, value: object = None) -> bool:
        """Tell whether a value may not be seen for its name alone; numbers of tokens may."""
        if "secrets" not in self.rules or key in self.kept or not _IS_SENSITIVE.search(key):
            return False
        return not (_HARMLESS_NAME.match(key) or (_is_number(value) and _MANY_TOKENS.search(key)))

    def leaves(self, key: str, value: object) -> bool:
        """Tell whether a value stays as it is for its name: a kept one, or a version (four numbers with dots are)."""
        if key in self.kept:
            return True
        is_version = key.endswith("version") or key.startswith(_OF_A_PACKAGE)
        return is_version and isinstance(value, str) and _VERSION.fullmatch(value) is not None

    def digest(self, value: str) -> str:
        """Hash a value with the salt to 16 hex digits, so that equal ones can be told to be equal."""
        return hashlib.sha256((value + self.salt).encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def _value(self, key: str, value: _V) -> _V | str:
        if key in self.hashed:
            self.count += 1
            return self.digest(str(value))
        if self.hides(key, value):
            self.count += 1
            return REDACTED
        return value if self.leaves(key, value) else self._any(value)

    def _any(self, value: _V) -> _V:
        if isinstance(value, str):
            return self.text(value)  # type: ignore[return-value]
        if isinstance(value, Mapping):
            return {self.name(str(key)): self._value(str(key), one) for key, one in value.items()}  # type: ignore[return-value]
        if isinstance(value, (list, tuple)):
            return [self._any(one) for one in value]  # type: ignore[return-value]
        if isinstance(value, bytes):
            return self.text(value.decode("utf-8", "replace")).encode()  # type: ignore[return-value]
        return value

    def text(self, text: str, *, is_name: bool = False) -> str:
        """Clean a text. Secrets go first, so that no later rule cuts one in two."""
        for pattern in self.patterns:
            text = self._sub(pattern, text, lambda _: REDACTED)
        if "secrets" in self.rules:
            text = self._secrets(text)
        if "cards" in self.rules and _MAY_BE_CARD.search(text):
            text = self._sub(_CARD, text, lambda found: REDACTED if _luhn(found[0]) else found[0])
        if "emails" in self.rules and "@" in text:
            text = self._sub(_EMAIL, text, lambda found: self._hashed("email", found[0]))
        if "hosts" in self.rules:
            text = self._hosts(text, is_name)
        if "ips" in self.rules:
            if text.count(".") > 2:  # noqa: PLR2004 - of four numbers
                text = self._sub(_IPV4, text, self._address)
            if text.count(":") > 1:
                text = self._sub(_IPV6, text, self._address)
        if "homes" in self.rules:
            text = self._homes(text)
        return text

    def _secrets(self, text: str) -> str:
        if "://" in text:
            text = self._sub(_USERINFO, text, lambda found: f"{found['scheme']}{REDACTED}@")
        for mark, shapes in _SHAPES:
            if mark in text:
                for hint, rule in shapes:
                    if hint in text:
                        text = self._sub(rule, text, lambda _: REDACTED)
        if len(text) >= 40 and max(map(len, text.split()), default=0) >= 40:  # noqa: PLR2004 - as long as they are
            text = self._sub(_FORTY, text, lambda _: REDACTED)
        lower = text.casefold()
        for stem in _STEMS:
            if stem in lower:
                return self._named_secrets(text)
        return text

    def _named_secrets(self, text: str) -> str:
        if "=" in text or ":" in text:
            text = self._sub(_NAMED, text, self._named)
        if "-" in text:
            text = self._sub(_ARGUMENT, text, lambda found: found["name"] + REDACTED)
        return text

    def _hosts(self, text: str, is_name: bool) -> str:  # noqa: FBT001 - as above
        if "://" in text:
            text = self._sub(_URL_HOST, text, self._host)
        if "." in text:
            lower = text.casefold()
            if any(word in lower for word in _WORDS_OF_HOSTS):
                text = self._sub(_HOST_NAMED, text, self._host)
            if not is_name and any(end in text for end in _ENDS_OF_HOSTS):
                text = self._sub(_HOST, text, lambda found: self._hashed("host", found[0]))
        if self._own_host is not None and self.hostname in text:
            text = self._sub(self._own_host, text, lambda found: self._hashed("host", found[0]))
        return text

    def _homes(self, text: str) -> str:
        for word in _HOMES:
            if word in text:
                text = self._sub(_HOME, text, lambda _: "~")
                break
        return self._sub(_ROOT, text, lambda _: "~") if "/root" in text else text

    def _sub(self, rule: re.Pattern[str], text: str, by: Callable[[re.Match[str]], str]) -> str:
        def counted(found: re.Match[str]) -> str:
            made = by(found)
            self.count += made != found[0]
            return made

        return rule.sub(counted, text)

    @staticmethod
    def _named(found: re.Match[str]) -> str:
        value = found["value"]
        quote = value[-1] if value[-1] in "'\"" else ""
        return f"{found['name']}{quote}{REDACTED}{quote}"

    def _host(self, found: re.Match[str]) -> str:
        host = found["host"]
        try:
            return found["before"] + self._ip(ipaddress.ip_address(host), host)
        except ValueError:
            return found["before"] + self._hashed("host", host)

    def _address(self, found: re.Match[str]) -> str:
        try:
            return self._ip(ipaddress.ip_address(found[0]), found[0])
        except ValueError:
            return found[0]

    def _ip(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address, written: str) -> str:
        return written if address.is_loopback or address.is_unspecified else self._hashed("ip", str(address))

    def _hashed(self, kind: str, value: str) -> str:
        if value.lower() in _KEPT_HOSTS:
            return value
        if not self.salt:
            return f"[{kind}]"
        return f"[{kind}:{self.digest(value.lower())}]"


def checked_pattern(pattern: str) -> str:
    """Refuse what is no pattern, or would replace nothing at every place. Raises ValueError."""
    try:
        empty = re.compile(pattern).search("")
    except re.error as error:
        raise ValueError(f"expected a regular expression, got {pattern!r}: {error}") from error
    if empty:
        raise ValueError(f"expected a regular expression that matches no empty text, got {pattern!r}")
    return pattern


def salted(hashed: Collection[str], salt: str) -> None:
    """Refuse hashes that anybody could make: there are not many hosts and users to try. Raises ValueError."""
    if hashed and not salt:
        raise ValueError("hash: expected a salt for what is to be hashed")


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        return len(value) < 10 and value.isdecimal()  # noqa: PLR2004 - as many as there are tokens in a text
    return isinstance(value, (int, float))


def _luhn(text: str) -> bool:
    """Whether digits are a card's: the last one checks the others."""
    digits = [int(one) for one in text if one.isdigit()]
    doubled = [one if number % 2 == 0 else sum(divmod(one * 2, 10)) for number, one in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0 and len(set(digits)) > 1

"""What stays the same in an exception's message when the same failure happens again with other values."""

import re
from functools import lru_cache

_LONGEST = 2000  # characters; what tells failures apart stands at the beginning
_TEMPLATE = 240

_Rule = tuple[re.Pattern[str], str]
_RULES: tuple[_Rule, ...] = tuple(
    (re.compile(pattern, flags), by)
    for pattern, flags, by in (
        (r"\x1b\[[0-9;]*m", 0, ""),
        (r"\(Background on this error at: [^)\s]*\)?", 0, ""),  # SQLAlchemy
        (r"\n\[(?:SQL|parameters): .*", re.DOTALL, ""),
        (r"\n(?:DETAIL|HINT|CONTEXT|LINE \d+):.*", re.DOTALL, ""),  # PostgreSQL
        (r"(?:See|For further information visit) https?://\S+", 0, ""),
        (r"\b[a-zA-Z][\w+.-]{1,20}://[^\s'\"<>)\]]+", 0, "<url>"),
        (r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}", 0, "<email>"),
        (r"(?<!\w)[bru]?'(?:[^'\\\n]|\\.){0,400}'(?!\w)", 0, "<q>"),
        (r"(?<!\w)[bru]?\"(?:[^\"\\\n]|\\.){0,400}\"(?!\w)", 0, "<q>"),
        (r"`[^`\n]{0,400}`", 0, "<q>"),
        (r"(?<![\w<])(?:[A-Za-z]:)?[/\\][\w.\-/\\@%+~]+", 0, "<path>"),
        (r"(?<![\w/])[\w-]+(?:/[\w-]+){1,20}\.\w{1,5}\b", 0, "<path>"),
        (r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b", 0, "<uuid>"),
        (r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?", 0, "<time>"),
        (r"\b\d{1,3}(?:\.\d{1,3}){3}(?:[:/]\d+)?\b", 0, "<addr>"),
        (r"(?<![\w:])(?:[0-9a-fA-F]{1,4}:){3,7}:?[0-9a-fA-F]{0,4}(?![\w:])", 0, "<addr>"),
        (r"\b(?:[\w-]{1,63}\.){1,8}[\w-]{1,63}:\d{2,5}\b", 0, "<addr>"),
        (r"\b0x[0-9a-fA-F]+\b", 0, "<n>"),
        (r"\b(?=[\w-]*\d)[\w-]+(?:\.[\w-]*\d[\w-]*)*", 0, "<n>"),
        (r"[-+]?(?:<n>|\d)(?:[.,:]?(?:<n>|\d))*%?", 0, "<n>"),
    )
)
_BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")
_VALUE = re.compile(r"<(?:q|n|url|uuid|path|time|addr|email|values)>")
_REPEATED = re.compile(r"(<\w+>)(?:[\s,;]*(?:and )?\1)+")
_SPACE = re.compile(r"\s+")


@lru_cache(maxsize=4096)
def template(message: str) -> str:
    """Replace the values in a message by what kind of value they are; a cut, single-line text of words remains.

    >>> template("user 4711 not found in '/srv/data' after 3.5s")
    'user <n> not found in <q> after <n>'
    >>> template("HTTPSConnectionPool(host='db', port=5432): timed out (0x7f3a)")
    'HTTPSConnectionPool<values>: timed out <values>'

    Names that say what is wrong with the program stay: an attribute or module that is missing is not a value.

    >>> template("module 'numpy' has no attribute 'float'")
    "module 'numpy' has no attribute 'float'"
    """
    text = message[:_LONGEST]
    text = _NAMES.sub(_protect, text)
    for pattern, by in _RULES:
        text = pattern.sub(by, text)
    for _ in range(3):  # nested brackets, from the inside
        text = _BRACKETED.sub(_brackets, text)
    text = _SPACE.sub(" ", _REPEATED.sub(r"\1", text))
    return text.replace(_OPEN, "'").replace(_SHUT, "'").strip()[:_TEMPLATE]


_OPEN, _SHUT = "\ue000", "\ue001"
_NAMES = re.compile(
    r"(?:[Nn]o module named|cannot import name|has no attribute|^name|object|^module|(?:local|free) variable"
    r"|argument:?) '[^\W\d][\w.]{0,100}'"
    r"|'[^\W\d][\w.]{0,100}' object|from '[^\W\d][\w.]{0,100}'(?= \()"
)


def _protect(match: re.Match[str]) -> str:
    before, name, after = match[0].split("'")
    return f"{before}{_OPEN}{name}{_SHUT}{after}"


def _brackets(match: re.Match[str]) -> str:
    """Keep what is words only; hide lists, mappings and arguments."""
    inner = match[0][1:-1]
    return "<values>" if not inner or _VALUE.search(inner) or any(c in inner for c in ",=:[{") else match[0]

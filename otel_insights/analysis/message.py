"""What stays the same in an exception's message when the same failure happens again with other values."""

import re
from functools import lru_cache

_LONGEST = 2000  # characters; what tells failures apart stands at the beginning
_TEMPLATE = 240

_Rule = tuple[re.Pattern[str], str]


def _rules(*rules: tuple[str, str]) -> tuple[_Rule, ...]:
    return tuple((re.compile(pattern), by) for pattern, by in rules)


# details that come after what failed; dropped before anything else
_DETAILS = re.compile(
    r"\x1b\[[0-9;]*m"
    r"|\[(?:Errno|WinError) -?\d+\] ?"
    r"|\(Background on this error at: [^)\s]*\)?"  # SQLAlchemy
    r"|\n\[(?:SQL|parameters): [\s\S]*"
    r"|^\d+ validation errors? for \S+(?=\n)"  # pydantic: the field that follows says more
    r"|\s*debug_error_string = [\s\S]*"  # gRPC
    r"|\n(?:DETAIL|HINT|CONTEXT|LINE \d+):[\s\S]*"  # PostgreSQL
    r"|(?:See|For further information visit) https?://\S+"
    r"|\n[ \t]*\n[\s\S]*"  # all but the first paragraph
)
# quoted, yet no values: they say what is wrong with the program
_NAME = r"'[^\W\d][\w.]{0,100}'"
_NAMES = re.compile(
    r"(?:[Nn]o module named|cannot import name|has no attribute|^name|^module|(?:local|free) variable|argument:?) "
    rf"{_NAME}|{_NAME} object|from {_NAME}(?= \()"
    r"|'(?:NoneType|str|int|float|bool|bytes|list|dict|tuple|set|function|method|type|[<>+*/%-]|[<>]=)'"
    r"|(['\"])[A-Z][a-z]+(?: [A-Za-z-]+){1,30}[.!]\1"  # a sentence
)
_VALUES = _rules(
    (r"\b[a-zA-Z][\w+.-]{1,20}://[^\s'\"<>)\]]+", "<url>"),
    (r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}", "<email>"),
    (r"(?<!\w)[bru]?'(?:[^'\\\n]|\\.){0,400}'(?!\w)", "<q>"),
    (r"(?<!\w)[bru]?\"(?:[^\"\\\n]|\\.){0,1000}\"(?!\w)", "<q>"),
    (r"`[^`\n]{0,400}`", "<q>"),
    (r"(?<![\w<])(?:[A-Za-z]:)?[/\\][\w.\-/\\@%+~]+", "<path>"),
    (r"(?<![\w/])[\w-]+(?:/[\w-]+){1,20}\.\w{1,5}\b", "<path>"),
    (r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b", "<uuid>"),
    (r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?", "<time>"),
    (r"\b\d{1,3}(?:\.\d{1,3}){3}(?:[:/]\d+)?\b", "<addr>"),
    (r"(?<![\w:])(?:[0-9a-fA-F]{1,4}:){3,7}:?[0-9a-fA-F]{0,4}(?![\w:])", "<addr>"),
    (r"\b(?:[\w-]{1,63}\.){0,8}[\w-]{1,63}:\d{3,5}\b", "<addr>"),
    (r"\b0x[0-9a-fA-F]+\b", "<n>"),
    (r"\b(?=[\w-]*\d)[\w-]+(?:\.[\w-]*\d[\w-]*)*", "<n>"),
    (r"[-+]?(?:<n>|\d)(?:[.,:]?(?:<n>|\d))*%?", "<n>"),
)
_BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")
_VALUE = re.compile(r"<(?:q|n|url|uuid|path|time|addr|email|values)>")
_REPEATED = re.compile(r"(<\w+>)(?:[\s,;]*(?:and )?\1)+")
_SPACE = re.compile(r"\s+")
_KEPT = 0xE100  # private-use characters stand for what is kept, so that no rule touches it
_MOST_KEPT = 64


@lru_cache(maxsize=4096)
def template(message: str) -> str:
    """Replace the values in a message by what kind of value they are; a cut, single-line text of words remains.

    >>> template("user 4711 not found in '/srv/data' after 3.5s")
    'user <n> not found in <q> after <n>'
    >>> template("HTTPSConnectionPool(host='db', port=5432): timed out (0x7f3a)")
    'HTTPSConnectionPool<values>: timed out <values>'

    What is quoted is a value, unless it says what is wrong with the program: a missing name, a type, a whole sentence.

    >>> template("module 'numpy' has no attribute 'float'")
    "module 'numpy' has no attribute 'float'"
    >>> template("{'zip': ['Missing data for required field.']}")
    "{<q>: ['Missing data for required field.']}"
    """
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        if len(kept) >= _MOST_KEPT:
            return match[0]
        kept.append(match[0])
        return chr(_KEPT + len(kept) - 1)

    text = _DETAILS.sub("", message[:_LONGEST].strip())
    text = _NAMES.sub(keep, text)
    for pattern, by in _VALUES:
        text = pattern.sub(by, text)
    for _ in range(3):  # nested brackets, from the inside
        text = _BRACKETED.sub(_brackets, text)
    text = _SPACE.sub(" ", _REPEATED.sub(r"\1", text))
    for at, name in enumerate(kept):
        text = text.replace(chr(_KEPT + at), name)
    return text.strip()[:_TEMPLATE]


def _brackets(match: re.Match[str]) -> str:
    """Hide lists, mappings and arguments; keep what is words only, or holds something kept."""
    inner = match[0][1:-1]
    if not inner or any(_KEPT <= ord(c) < _KEPT + _MOST_KEPT for c in inner):
        return match[0]
    return "<values>" if _VALUE.search(inner) or any(c in inner for c in ",=:[{") else match[0]

"""What in a log line is a value by its looks alone: numbers, addresses, paths, times, quoted text, printed objects."""

from __future__ import annotations

import re
from typing import Final

from otel_insights.analysis.deciding import decides

VALUE: Final = "\x01"
"""Stands for a value while a line is worked on; no log has it, for control characters are taken out before."""

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:day|sday|nesday|rsday|urday)?"
_TLD = "com|net|org|edu|gov|mil|io|dev|local|localdomain|internal|arpa|info|biz|lan|cloud|[a-z]{2}"
_UNIT = r"(?:[KMGTP]i?[Bb]?|[kmgt]?[bB]|[Bb]ytes|%|ms|us|ns|s|secs?|seconds|mins?|minutes|h|hours)"

_MASKS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"\[(?:ip|host|email)(?::[0-9a-f]{16})?\](?::\d+)?",  # an address that was redacted: it is a value no less
        r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b",  # UUID
        r"\b[a-z][a-z0-9+.-]*://[^\s\"'<>\])]+",  # URL
        r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b",  # address of mail
        rf"\b(?:{_DAY},? )?{_MONTH} +\d{{1,2}}(?: \d\d:\d\d(?::\d\d)?(?:[.,]\d+)?)?(?: [A-Z]{{3,4}})?(?: \d{{4}})?\b",
        r"\b\d{4}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?",
        r"/?\b\d{1,3}(?:\.\d{1,3}){3}(?:[:/]\d+)?\b",  # IPv4
        r"\b(?:[0-9a-fA-F]{2}:){5,}[0-9a-fA-F]{2}\b",  # MAC
        r"(?<![\w:])(?=[0-9a-fA-F:]*::|(?:[0-9a-fA-F]+:){5})[0-9a-fA-F:]{6,}(?:%\w+)?(?![\w:])",  # IPv6
        r"\b\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?\b",  # time of day
        r"(?<![\w.])(?:[\w-]+\.)+[A-Za-z][\w-]*:\d+\b",  # host.name:port
        r"(?:^|(?<=\bto )|(?<=\bfrom )|(?<=\bat )|(?<=\bhost ))[A-Za-z][\w-]*:\d+(?=[\s,;]|$)",  # host:port
        r"(?<![\w.])(?:[\w$-]+\.)+[A-Za-z][\w$]*@[0-9a-f]+\b",  # a Java object
        rf"(?<![\w./])(?:[\w-]+\.)+(?:{_TLD})\b(?![.\w(])",  # host.name
        r"(?<![\w./])(?=[\w.-]*\d)(?:[A-Za-z0-9][\w-]*\.){2,}[A-Za-z][\w-]*",  # dotted, with a digit
        r"(?<![\w/])(?:[A-Za-z]:\\|\\\\)[^\s\"'<>|]+",  # a path of Windows
        r"(?<![\w/])(?:/[\w.@%+~*-]+)+/?",  # path
        rf"(?:\(\s*)?(?<![\w.])<?\s?[-+]?\d+(?:\.\d+)?\s?{_UNIT}(?![\w])(?:\s*\))?",  # amount with its unit
        r"\b0[xX][0-9a-fA-F]+\b",
        r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{6,}\b",
        r"(?<![A-Za-z0-9])[-+]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?(?![A-Za-z0-9])",
    )
)
_HELD: Final = {"(": "\x02", "[": "\x03", "{": "\x04"}
"""Stand for brackets that hold a value, so that what holds them can be looked at."""
_EMPTY: Final = {"(": "\x05", "[": "\x06", "{": "\x0e"}
_WRITTEN: Final = {
    **{ord(mark): f"{open_}{VALUE}{close}" for (open_, mark), close in zip(_HELD.items(), ")]}", strict=True)},
    **{ord(mark): f"{open_}{close}" for (open_, mark), close in zip(_EMPTY.items(), ")]}", strict=True)},
}
_OBJECTS: Final = r"\x02-\x06\x0e"
_QUOTED: Final = re.compile(r"(?<![\w\x01)\]}])[bru]?('|\")(?![(\[{])((?:\\.|(?!\1)[^\\\n])*)\1(?![A-Za-z0-9])")
_QUOTED_OBJECT: Final = re.compile(rf"('|\")(?:[\w.]*[{_OBJECTS}]|\x01)\1")
_BRACKETS: Final = re.compile(r"(?P<name>[\w.]*)(?P<open>[(\[{])(?P<body>[^()\[\]{}]*)(?P<close>[)\]}])")
_LISTED: Final = re.compile(rf"[,=:'\"\x01|{_OBJECTS}]")
_PRINTED: Final = re.compile(r"<[A-Za-z_][\w.]*(?:[ :][^<>]*|[\[\x03][^<>]*)>")
_PRINTED_VALUE: Final = re.compile(rf"(?:(?<=[:=] )|(?<=[:=]))[{_OBJECTS}]")
_WORD: Final = re.compile(r"[A-Za-z]+")
_CHAIN: Final = re.compile(r"\x01(?:(?:[:/;|.\\-]|, ?|,? and |\\? )\x01)+")
_INDEXED: Final = re.compile(r"[\w./-]*[.\-_/\x01][\w./-]*\[\x01\]")
_RAISED: Final = re.compile(r"\b(?:[\w]+\.)*[A-Z]\w*(?:Error|Exception|Warning)\b(?:\x01|: [^()\n]*?(?= \(|\)|$))?")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]+")
_LITERAL: Final = re.compile(r"\b(?:None|True|False)\b")
_ERRORS: Final = ("Error", "Exception", "Warning")
_DEEPEST: Final = 8


def mask(line: str) -> str:
    r"""Put VALUE in place of what is one.

    >>> mask("took 3.2 ms for /api/items from 10.0.0.7:5432").replace(VALUE, "<*>")
    'took <*> for <*> from <*>'
    """
    line = _CONTROL.sub(" ", line)
    for pattern in _MASKS[:4]:
        line = pattern.sub(VALUE, line)
    line = _QUOTED.sub(_quoted, line)
    for pattern in _MASKS[4:]:
        line = pattern.sub(VALUE, line)
    return _CHAIN.sub(VALUE, _INDEXED.sub(VALUE, _RAISED.sub(VALUE, _unnested(line))))


def _quoted(found: re.Match[str]) -> str:
    is_key = found.string[found.end() : found.end() + 1] == ":"
    return found[0] if _tells(found[2]) and not is_key else VALUE


def _tells(text: str) -> bool:
    """Tell whether a text of a few words holds one that decides: then it is no mere value."""
    words = _WORD.findall(text)
    return len(words) <= _FEW and any(decides(word) for word in words)


_FEW = 3


def _unnested(line: str) -> str:
    """Put one value in place of what printed objects, lists and arguments hold, from the innermost outwards."""
    for _ in range(_DEEPEST):
        before, line = line, _QUOTED_OBJECT.sub(VALUE, _PRINTED.sub(VALUE, _BRACKETS.sub(_bracketed, line)))
        if line == before:
            break
    return _PRINTED_VALUE.sub(VALUE, line).translate(_WRITTEN)


def _bracketed(found: re.Match[str]) -> str:
    name, body = found["name"], found["body"]
    if name.endswith(_ERRORS) and found["open"] == "(":
        return VALUE
    is_printed = found["open"] != "(" or bool(name)
    if _tells(_LITERAL.sub("", body) if is_printed else body):
        return found[0]
    if found["open"] == "(" and name[:1].isupper() and (not body or _LISTED.search(body)):
        return VALUE  # a printed object
    if not body:
        return name + _EMPTY[found["open"]]
    if _LISTED.search(body) or (name and found["open"] == "("):
        return name + _HELD[found["open"]]
    return found[0]

"""The sentence within a log body: what a person wrote, out of JSON, logfmt, many lines, or a very long one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

LONGEST: Final = 2048
"""Characters of a line that are looked at."""
_SENTENCES: Final = ("message", "msg", "event", "text", "log", "body", "error", "err")
_LOGFMT: Final = re.compile(r"([A-Za-z_][\w.@/-]*)=(\"(?:\\.|[^\"\\])*\"|[^\s\"]*)(?:\s+|$)")
_LEAST_PAIRS: Final = 3
_MOST_NAMES: Final = 32


def sentence_of(body: str) -> str:
    r"""Give the line of a body by which it is told from others; "" where there is none.

    Of several lines that is the first; the others are a trace, a dump or a continuation.

    >>> sentence_of('{"level": "info", "msg": "card charged", "cents": 300}')
    'card charged'
    >>> sentence_of("ts=2026-01-01T00:00:00Z level=info msg=\"card charged\" cents=300")
    'card charged'
    >>> sentence_of("Traceback (most recent call last):\n  File ...")
    'Traceback (most recent call last):'
    """
    text = body.strip()
    if text[:1] == "{" and text[-1:] == "}" and (found := _of_json(text)) is not None:
        return _first_line(found)
    line = _first_line(text)
    return _of_logfmt(line) or line


def sentence_of_fields(fields: Mapping[str, object]) -> str:
    """Give the sentence of a body that came in fields; without one, the names of the fields stand for it.

    >>> sentence_of_fields({"b": 1, "a": {"c": 2}})
    '{a b}'
    """
    for name in _SENTENCES:
        value = fields.get(name)
        if isinstance(value, str) and value.strip():
            return _first_line(value)
    return "{" + " ".join(sorted(map(str, fields))[:_MOST_NAMES]) + "}"


def _of_json(text: str) -> str | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return sentence_of_fields(found) if isinstance(found, dict) else None


def _of_logfmt(line: str) -> str:
    if line.count("=") < _LEAST_PAIRS:
        return ""
    pairs: dict[str, object] = {}
    at = 0
    while at < len(line):
        found = _LOGFMT.match(line, at)
        if not found:
            return ""
        pairs[found[1]] = found[2].strip('"')
        at = found.end()
    return sentence_of_fields(pairs) if any(name in pairs for name in _SENTENCES) else ""


def _first_line(text: str) -> str:
    text = text.strip()
    end = text.find("\n")
    line = text if end < 0 else text[:end].rstrip()
    return line[:LONGEST]

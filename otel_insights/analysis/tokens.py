"""A masked log line as tokens: words, marks of punctuation, and values."""

from __future__ import annotations

import re
from typing import Final

from otel_insights.analysis.masking import VALUE, mask

MOST_TOKENS: Final = 96
"""What comes after so many is one value."""
MARKS: Final = frozenset("=:;,()[]{}\"'|<>")

_MARK = r"=:;,()\[\]{}\"'|<>"
_GLUED: Final = re.compile(rf"(?:(?![{_MARK}])[!-~])*(?:\x01(?:(?![{_MARK}])[!-~])*)+")
_DOTS: Final = re.compile(r"\.{2,}")
_EMPTY: Final = re.compile(r"(?<=\s)(?:\(\)|\[\]|\{\})")
_SPLIT: Final = re.compile(rf"(\x01|\s+|[{_MARK}])")
_DIGIT: Final = re.compile(r"[0-9]")
_LONGEST_PERIOD: Final = 3

Tokens = tuple[str, ...]
Gaps = tuple[bool, ...]


def tokens_of(line: str) -> tuple[Tokens, Gaps]:
    """Give the tokens of a line, and before which of them there was white space.

    >>> tokens_of("pid=17 lost 3 of 12 blocks") == (
    ...     ("pid", "=", VALUE, "lost", VALUE, "of", VALUE, "blocks"),
    ...     (False, False, False, True, True, True, True, True),
    ... )
    True
    """
    line = _DOTS.sub(lambda found: f" {found[0]} ", mask(line))
    line = _GLUED.sub(VALUE, line)
    line = _EMPTY.sub(lambda found: found[0][0] + VALUE + found[0][1], line)
    tokens: list[str] = []
    gaps: list[bool] = []
    gap = False
    for part in _SPLIT.split(line):
        if not part or part.isspace():
            gap = gap or bool(part)
            continue
        token = VALUE if part != VALUE and _DIGIT.search(part) else part
        if token == VALUE and _goes_on(tokens, gaps):
            gap = False
            continue
        tokens.append(token)
        gaps.append(gap)
        gap = False
        if len(tokens) == MOST_TOKENS:
            tokens[-1] = VALUE
            break
    return _without_repeats(tokens, gaps)


def is_word(token: str) -> bool:
    """Tell whether a token says something: it holds a letter of any script.

    >>> is_word("node-a"), is_word("--"), is_word("登录")
    (True, False, True)
    """
    return any(one.isalpha() for one in token)


def _goes_on(tokens: list[str], gaps: list[bool]) -> bool:
    """Tell whether a value follows a value, or is one more of a list; what stood between is dropped."""
    if tokens and tokens[-1] == VALUE:
        return True
    if len(tokens) > 1 and tokens[-1] in ",;" and tokens[-2] == VALUE:
        tokens.pop()
        gaps.pop()
        return True
    return False


def _without_repeats(tokens: list[str], gaps: list[bool]) -> tuple[Tokens, Gaps]:
    """Drop what repeats itself with other values, such as `node <*> up node <*> up`."""
    for period in range(2, _LONGEST_PERIOD + 2):
        at = 0
        while at + 2 * period <= len(tokens):
            part = tokens[at : at + period]
            if VALUE in part and part == tokens[at + period : at + 2 * period]:
                del tokens[at : at + period], gaps[at : at + period]
            else:
                at += 1
    return tuple(tokens), tuple(gaps)


def text_of(tokens: Tokens, gaps: Gaps) -> str:
    """Write tokens as a template.

    >>> text_of(("took", VALUE), (False, True))
    'took <*>'
    """
    written = ("<*>" if one == VALUE else one for one in tokens)
    return "".join(f" {one}" if gap else one for one, gap in zip(written, gaps, strict=True)).lstrip()

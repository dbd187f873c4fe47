"""Lines of one place in the code: one template, unless the place serves many callers with words of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Final

from otel_insights.analysis.deciding import decides_at
from otel_insights.analysis.masking import VALUE
from otel_insights.analysis.template import Template, live
from otel_insights.analysis.tokens import Gaps, Tokens, is_word

MOST_TEMPLATES: Final = 12
"""Of one call site; one that has more is a wrapper, and tells nothing of a line."""
_ALIKE: Final = 0.5
"""The share of the words of the shorter one that two lines of one format string have in common, in order."""

_ALIKE_BUT_FOR_FIRST: Final = 0.8
"""Likewise where they begin with different words: few format strings begin with a value."""


@dataclass(slots=True)
class CallSite:
    """What was logged at one place in the code."""

    name: str
    templates: list[Template] = field(default_factory=list)

    @property
    def is_wrapper(self) -> bool:
        """Tell whether too much was logged here for it to be one call."""
        return len(self.templates) >= MOST_TEMPLATES

    def find(self, tokens: Tokens) -> Template | None:
        """Find the template here that has most in common with a line; None where none has enough."""
        best: Template | None = None
        most = -1.0
        for one in self.templates:
            template = live(one)
            alike = _alike(template.tokens, tokens)
            if alike > most:
                best, most = template, alike
        return best if most >= _ALIKE else None


def common(tokens: Tokens, gaps: Gaps, other: Tokens) -> tuple[Tokens, Gaps]:
    r"""Give what two lines have in common, with a value wherever they differ.

    >>> common(("sent", VALUE, "to", "ann"), (False, True, True, True), ("sent", VALUE, "to", "bob"))[0][2:]
    ('to', '\x01')
    """
    if tokens == other:
        return tokens, gaps
    out: list[str] = []
    spaces: list[bool] = []
    at = over = 0
    for block in SequenceMatcher(None, tokens, other, autojunk=False).get_matching_blocks():
        if (block.a > at or block.b > over) and (not out or out[-1] != VALUE):
            out.append(VALUE)
            spaces.append(gaps[at] if at < len(gaps) else True)
        for index in range(block.a, block.a + block.size):
            if tokens[index] == VALUE and out and out[-1] == VALUE:
                continue
            out.append(tokens[index])
            spaces.append(gaps[index])
        at, over = block.a + block.size, block.b + block.size
    return tuple(out), tuple(spaces)


def _words(tokens: Tokens) -> list[str]:
    return [one for one in tokens if one != VALUE and is_word(one)]


def _alike(one: Tokens, other: Tokens) -> float:
    """Tell how much of the words of the shorter line is in the longer one; -1 where they cannot be of one call."""
    if _same_until_colon(one, other):
        return 1.0
    left, right = _words(one), _words(other)
    if _deciding(one) != _deciding(other):
        return -1.0
    if not left or not right:
        return 1.0 if len(left) == len(right) else 0.0
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    alike = sum(block.size for block in matcher.get_matching_blocks()) / min(len(left), len(right))
    return -1.0 if alike < _ALIKE_BUT_FOR_FIRST and _differ_at_first(one, other) else alike


def _deciding(tokens: Tokens) -> set[str]:
    return {token.lower() for at, token in enumerate(tokens) if decides_at(tokens, at)}


def _differ_at_first(one: Tokens, other: Tokens) -> bool:
    first, second = (
        next((token for token in tokens if token == VALUE or is_word(token)), "") for tokens in (one, other)
    )
    return first != second


def _same_until_colon(one: Tokens, other: Tokens) -> bool:
    """Tell whether two lines say the same and then, after a colon, give different reasons of several words."""
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return False
        if left == ":" and len(_words(one[:at])) > 1:
            return all(tail[1:2] != () or not _words(tail) for tail in (one[at + 1 :], other[at + 1 :]))
    return False

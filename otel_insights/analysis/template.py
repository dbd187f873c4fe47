"""A log template: what lines have in common, under an id that never changes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import lru_cache

from otel_insights.analysis.masking import VALUE
from otel_insights.analysis.tokens import Gaps, Tokens, text_of


@dataclass(slots=True, eq=False)
class Template:
    """What lines have in common; it may become more general, or go into another one."""

    id: str
    tokens: Tokens
    gaps: Gaps
    text: str
    number: int
    """In the order of creation."""
    hits: int = 0
    used: int = 0
    """When it was needed last, in lines that no memo knew; see `Miner`."""
    opens: bool = False
    """Whether its first word was found to be a value."""
    into: Template | None = None
    """The one that has taken it in."""
    mined: bool = False
    """Whether lines find it by their words, and not only by their place in the code or by what the sender names."""
    sites: list[str] = field(default_factory=list)
    """Places in the code that log it."""

    def generalise(self, tokens: Tokens, gaps: Gaps) -> None:
        """Take more general tokens."""
        self.tokens, self.gaps, self.text = tokens, gaps, text_of(tokens, gaps)


@dataclass(frozen=True, slots=True)
class Kept:
    """A template as it is remembered: all that a miner needs to go on with it."""

    id: str
    text: str
    tokens: Tokens
    gaps: Gaps
    opens: bool = False
    mined: bool = True
    sites: tuple[str, ...] = ()
    hits: int = 0
    """When this was written: only good to tell which one is the larger."""
    into: str = ""
    """The id of the one that has taken it in."""


@dataclass(frozen=True, slots=True)
class Match:
    """What a line is one of."""

    template_id: str
    template: str
    is_new: bool = False
    """Whether this line has made it."""
    line: str = field(default="", repr=False)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The values that stand where the template has `<*>`, in order; none where the line does not fit any more.

        >>> Match("", "took <*> for <*>", line="took 3 ms for /a").parameters
        ('3 ms', '/a')
        """
        found = _pattern(self.template).fullmatch(self.line)
        return found.groups() if found else ()


def live(template: Template) -> Template:
    """Follow a template into the one that it has become."""
    while template.into is not None:
        template = template.into
    return template


def id_of(key: str, text: str) -> str:
    """Give the id of the template that begins with a text."""
    return hashlib.blake2b(f"{key}\0{text}".encode("utf-8", "replace"), digest_size=8).hexdigest()


@lru_cache(maxsize=1024)
def _pattern(template: str) -> re.Pattern[str]:
    parts = [r"\s*".join(map(re.escape, part.split())) for part in template.split("<*>")]
    return re.compile(r"\s*(.*?)\s*".join(parts), re.DOTALL)


def merged(one: Tokens, gaps: Gaps, at: int) -> tuple[Tokens, Gaps]:
    """Put a value in one place; values beside each other become one."""
    tokens, spaces = list(one), list(gaps)
    tokens[at] = VALUE
    if at + 1 < len(tokens) and tokens[at + 1] == VALUE:
        del tokens[at + 1], spaces[at + 1]
    if at and tokens[at - 1] == VALUE:
        del tokens[at], spaces[at]
    return tuple(tokens), tuple(spaces)

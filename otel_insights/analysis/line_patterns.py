"""Patterns by which people say what is one kind of log line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import translate
from typing import Final

LONGEST_PATTERN: Final = 300  # characters


@dataclass(frozen=True, slots=True)
class LinePattern:
    """A glob of a whole sentence: `*` stands for anything, all else for itself, upper and lower case differ.

    It has no digits: lines that differ in digits alone are looked up as one.

    >>> one = LinePattern("payment of * declined")
    >>> one.matches("payment of 3 euros declined"), one.matches("payment of 3 euros declined twice")
    (True, False)
    >>> one.template
    'payment of <*> declined'
    """

    glob: str
    _match: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile it."""
        plain = self.glob.replace("[", "[[]").replace("?", "[?]")
        object.__setattr__(self, "_match", re.compile(translate(plain)))

    def matches(self, sentence: str) -> bool:
        """Tell whether a sentence is of this kind. What is between two stars is sought once: no pattern takes long."""
        return self._match.match(sentence) is not None

    @property
    def template(self) -> str:
        """Write it as a template."""
        return re.sub(r"\*+", "<*>", self.glob)

"""Rules by which people say where failures belong: by type, message and frames."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from typing import Final

from otel_insights.analysis.inapp import locate
from otel_insights.analysis.stacktrace import parse

LONGEST_PATTERN: Final = 300  # characters
_LONGEST_TEXT = 4_096


@dataclass(frozen=True, slots=True)
class Rule:
    """Globs (`*`, `?`, `[abc]`), all of which must match; an empty one does not count. Upper and lower case differ.

    `exception_type` and `message` are matched whole; `frame` matches if any frame's `module.function` or file does.
    """

    exception_type: str = ""
    message: str = ""
    frame: str = ""

    def matches(self, exception_type: str, message: str, stacktrace: str) -> bool:
        """Tell whether the rule is about an exception; never raises, whatever the pattern.

        >>> Rule(message="card * declined").matches("E", "card 4711 declined", "")
        True
        >>> Rule(message="declined").matches("E", "card 4711 declined", ""), Rule().matches("E", "", "")
        (False, False)
        """
        if not (self.exception_type or self.message or self.frame):
            return False
        short = exception_type.rsplit(".", 1)[-1]
        return (
            (not self.exception_type or any(map(_glob(self.exception_type), (exception_type, short))))
            and (not self.message or _glob(self.message)(message))
            and (not self.frame or any(map(_glob(self.frame), _frames(stacktrace))))
        )


@lru_cache(maxsize=512)
def _glob(pattern: str) -> Callable[[str], bool]:
    """Compile a glob. What is between two stars is sought once, without going back: no pattern takes long (CPython)."""
    match = re.compile(translate(pattern[:LONGEST_PATTERN])).match
    return lambda text: match(text[:_LONGEST_TEXT]) is not None


def _frames(stacktrace: str) -> set[str]:
    names: set[str] = set()
    for raised in parse(stacktrace):
        for frame in raised.frames:
            module = locate(frame.file, frame.function).module
            names |= {f"{module}.{frame.function}" if module else frame.function, frame.file}
    return names

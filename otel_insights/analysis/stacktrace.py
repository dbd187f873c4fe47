"""Stack traces, as runtimes print them, taken apart into exceptions and frames."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from otel_insights.analysis import foreign_stacks
from otel_insights.analysis.frames import Frame, Link, Raised


def parse(text: str) -> tuple[Raised, ...]:
    r"""Take a stack trace apart: the root cause first, the exception that was reported last.

    Knows CPython's format (chains, groups, marks, repeated lines, syntax errors, cut heads and tails) and, more
    loosely, those of Java, .NET, JavaScript, Go, Ruby and PHP. Never raises; takes time linear in the text. What
    cannot be recognised as anything gives an empty tuple.

    >>> [e.type for e in parse('Traceback (most recent call last):\n  File "a.py", line 3, in f\n    1/0\nE: no')]
    ['E']
    """
    text = _ANSI.sub("", text) if "\x1b" in text else text
    if "\n" not in text and "\\n" in text:  # escaped once too often on its way
        text = text.replace("\\r", "").replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"')
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if _PYTHON.search(text):
        return _PythonReader(groups="Exception Group Traceback" in text).read(lines)
    return foreign_stacks.parse_lines(lines)


_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_PYTHON = re.compile(r'Traceback \(most recent call last\)|^[ |]*File "[^"\n]*", line \d', re.MULTILINE)
_SEPARATORS: dict[str, Link] = {
    "The above exception was the direct cause of the following exception:": "cause",
    "During handling of the above exception, another exception occurred:": "context",
}
_HEADERS = ("Traceback (most recent call last)", "Exception Group Traceback (most recent call last)")
_MARGIN = re.compile(r"(?:[ ]*[|+](?: |-|$))*")
_MEMBER = re.compile(r"-*(?:\+-+)?(?: (?:\d+|\.\.\.) -+)?$")
_FRAME = re.compile(r' {0,2}File "([^"]*)", line (\d+)(?:, in (.+))?')
_EXCEPTION = re.compile(r"([^\W\d][\w.]*(?:<\w+>[\w.]*)*)(?::(?: (.*))?)?$", re.DOTALL)
_MARKS = re.compile(r"[\s^~]+")
_REPEATED = re.compile(r"\s*\[Previous line repeated \d+ more times?\]")


@dataclass(slots=True)
class _Open:
    """An exception that is still being read; `depth` tells members of groups from what holds them."""

    depth: int
    link: Link | None = None
    type: str = ""
    message: list[str] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)

    def close(self) -> Raised:
        return Raised(self.type, "\n".join(self.message).strip(), tuple(self.frames), self.link)


class _PythonReader:
    """Reads CPython's format line by line."""

    def __init__(self, *, groups: bool) -> None:
        self._groups = groups
        self._open = _Open(0)
        self._done: list[_Open] = []

    def read(self, lines: Sequence[str]) -> tuple[Raised, ...]:
        for line in lines:
            self._line(line)
        self._close(0)
        return _root_first(self._done)

    def _line(self, line: str) -> None:
        margin = _margin(line) if self._groups else 0
        body = line[margin:]
        content = body.strip()
        if link := _SEPARATORS.get(content):
            self._close(margin, link)
        elif content.startswith(_HEADERS):
            self._header(margin)
        elif margin and _MEMBER.match(content):  # the rule above, between or below a group's members
            self._close(margin + 2)
        elif not self._open.type and (match := _FRAME.match(body)):
            file, number, function = match.groups()
            self._open.frames.append(Frame(file, function or "<module>", int(number[:9])))
        else:
            self._text(body, content)

    def _header(self, margin: int) -> None:
        if self._open.type:  # inside a message: what another process or thread sent along, so the cause of this one
            self._close(max(margin, self._open.depth + 1))
        elif self._open.frames:
            self._close(margin)
        self._open.depth = max(self._open.depth, margin)

    def _text(self, body: str, content: str) -> None:
        current = self._open
        if current.type:
            if content or current.message:
                current.message.append(body)
        elif body[:1].isspace():
            self._code(body, content)
        elif match := _EXCEPTION.match(body):
            current.type, message = match.groups()
            current.message.append(message or "")

    def _code(self, body: str, content: str) -> None:
        frames = self._open.frames
        if frames and not frames[-1].code and content and not _MARKS.fullmatch(body) and not _REPEATED.match(body):
            last = frames[-1]
            frames[-1] = Frame(last.file, last.function, last.line, content)

    def _close(self, depth: int, link: Link | None = None) -> None:
        if self._open.type or self._open.frames:
            self._done.append(self._open)
            self._open = _Open(depth, link)
        else:
            self._open.depth, self._open.link = depth, link or self._open.link


def _margin(line: str) -> int:
    """Return the width of the border that traceback draws around members of groups."""
    if line[:1] not in " |+" or ("|" not in line and "+" not in line):
        return 0
    match = _MARGIN.match(line)
    return match.end() if match else 0  # the pattern matches nothing, too


def _root_first(flat: list[_Open]) -> tuple[Raised, ...]:
    """Put what is drawn inside an exception (deeper, below it) in front of it."""
    ordered: list[_Open] = []
    holders: list[_Open] = []
    for one, following in zip(flat, [*flat[1:], None], strict=False):
        while holders and holders[-1].depth >= one.depth:
            ordered.append(holders.pop())
        if following is not None and following.depth > one.depth:
            holders.append(one)
            one.link = "group" if one.type.endswith("ExceptionGroup") else "cause"
        else:
            ordered.append(one)
    ordered += reversed(holders)
    if ordered:
        ordered[0].link = None
    return tuple(one.close() for one in ordered)

"""Stack traces of runtimes other than CPython: Java, .NET, JavaScript, Go, Ruby, PHP."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from otel_insights.analysis.frames import Frame, Raised

_LONGEST_LINE = 2000  # characters; keeps the patterns below linear in the text
_AT = re.compile(r"\s*at (?:async |new )?(\S.*)")
_CALL = re.compile(r"([^\s(]*)\(([^()]*)\)$")  # Java, and .NET without symbols
_NAMED = re.compile(r"(.*) \((\S+?)(?::(\d+))?(?::\d+)?\)$")  # V8
_PLACE = re.compile(r"(\S+?):(\d+)(?::\d+)?$")  # V8 without a name
_GECKO = re.compile(r"([^\s@]*)@((?:\w+:)?[^\s@]+?):(\d+)(?::\d+)?$")
_RUBY = re.compile(r"\s*(?:from )?(\S+\.rb):(\d+):in [`']([^']+)'")
_PHP = re.compile(r"#\d+ (?:(\S+?)\((\d+)\): |\[internal function\]: |(?=\{main\}))(.*)")
_GO_PLACE = re.compile(r"\t(\S+\.(?:go|s)):(\d+)(?: \+0x[0-9a-f]+)?$")
_CAUSE = re.compile(r"\s*(?:Caused by: |---> |\[cause\]: )(?:\(Inner Exception #\d+\) )?(.*)")
_ASIDE = re.compile(r"\s*Suppressed: ")
_PREAMBLE = re.compile(
    r"(?:Uncaught |Unhandled exception\.? |Exception in thread \"[^\"]*\" |PHP Fatal error: +Uncaught )*"
)
_HEAD = re.compile(r"([A-Za-z_][\w.$\\`]*)(?::(?:\s(.*))?)?$")
_PANIC = re.compile(r"(panic|fatal error): (.*)")
_RUBY_HEAD = re.compile(r"\S+\.rb:\d+:in [`'][^']+': (.*) \(([\w:]+)\)$")
_END_OF_INNER = "--- End of inner exception stack trace ---"


@dataclass(slots=True)
class _Open:
    type: str = ""
    message: list[str] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)  # the innermost first, as these runtimes print

    def close(self, *, first: bool) -> Raised:
        message = "\n".join(self.message).strip()
        return Raised(self.type, message, tuple(reversed(self.frames)), None if first else "cause")


def parse_lines(lines: Sequence[str]) -> tuple[Raised, ...]:
    """Read the exceptions of a stack trace, the root cause first; nothing when no line is a frame or a headline."""
    reader = _Reader()
    for line in lines:
        reader.line(line[:_LONGEST_LINE])
    found = [one for one in reversed(reader.exceptions) if one.frames or one.type]
    return tuple(one.close(first=not at) for at, one in enumerate(found))


class _Reader:
    """Reads line by line; `exceptions` holds the outermost first."""

    def __init__(self) -> None:
        self.exceptions = [_Open()]
        self._current = self.exceptions[0]
        self._holders: list[_Open] = []
        self._before = ""

    def line(self, line: str) -> None:
        if cause := _CAUSE.match(line):
            self._begin(at=len(self.exceptions), text=cause[1])
        elif line.startswith("Next ") and self._current.frames:  # PHP prints the root cause first
            self._begin(at=0, text=line[5:])
        elif _ASIDE.match(line):  # Java: failures while closing, never the cause
            self._current = _Open(type="suppressed")
        elif _END_OF_INNER in line:  # .NET prints the frames of inner exceptions before those of what holds them
            self._current = self._holders.pop() if self._holders else self._current
        elif place := _GO_PLACE.match(line):
            self._current.frames.append(Frame(place[1], _go_function(self._before), int(place[2][:9])))
        elif frame := _frame(line):
            if ruby := _RUBY_HEAD.match(line):
                self._current.message, self._current.type = [ruby[1]], ruby[2]
            self._current.frames.append(frame)
        elif not self._current.frames and line.strip():
            _headline(self._current, line)
        self._before = line

    def _begin(self, at: int, text: str) -> None:
        self._holders.append(self._current)
        self._current = _Open()
        _headline(self._current, text)
        self.exceptions.insert(at, self._current)


def _go_function(line: str) -> str:
    name = line.removeprefix("created by ").split(" in goroutine ")[0].strip()
    return name[: name.rindex("(")] if name.endswith(")") and "(" in name else name


def _headline(current: _Open, line: str) -> None:
    if current.type:
        current.message.append(line)
    elif panic := _PANIC.match(line):
        current.type, current.message = panic[1], [panic[2].split(" [recovered]")[0]]
    else:
        stripped = line.strip()
        preamble = _PREAMBLE.match(stripped)
        head = _HEAD.match(stripped[preamble.end() if preamble else 0 :])
        if head and (head[2] or "." in head[1] or head[1].endswith(("Error", "Exception"))):
            current.type, current.message = head[1], [head[2] or ""]


def _frame(line: str) -> Frame | None:
    if at := _AT.match(line):
        return _at(at[1].rstrip())
    if ruby := _RUBY.match(line):
        return Frame(ruby[1], ruby[3], int(ruby[2][:9]))
    if php := _PHP.match(line):
        return Frame(php[1] or "", php[3].split("(")[0] or "{main}", int(php[2][:9]) if php[2] else None)
    if gecko := _GECKO.match(line):
        return Frame(gecko[2], gecko[1], int(gecko[3][:9]))
    return None


def _at(body: str) -> Frame | None:
    call, in_file, place = body.partition(") in ")
    if in_file and ":line " in place:  # .NET
        file, _, number = place.rpartition(":line ")
        return Frame(file, call.split("(")[0], int(number[:9]) if number.isdecimal() else None)
    if match := _NAMED.match(body):
        if "/" in match[2] or "\\" in match[2] or match[3] or "." in match[2]:
            return Frame(match[2], match[1], int(match[3][:9]) if match[3] else None)
        return Frame(match[2], match[1])
    if match := _PLACE.match(body):
        return Frame(match[1], "<anonymous>", int(match[2][:9]))
    if match := _CALL.match(body):
        file, _, number = match[2].partition(":")
        is_java = file.endswith((".java", ".kt", ".scala", ".groovy", ".clj"))
        return Frame(file if is_java else "", match[1], int(number[:9]) if is_java and number.isdecimal() else None)
    head = body.split("(", maxsplit=1)[0].strip()
    return Frame("", head) if head and "(" in body else None

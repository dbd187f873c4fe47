"""A stack trace with less in it: places without source and messages, or only a hash of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Literal

Mode = Literal["full", "frames", "hash"]

_MARGIN = re.compile(r"(?:[ ]*[|+](?:[ ]|-|$))*")
_HEADER = re.compile(r"(?:Exception Group )?Traceback \(most recent call last\):?")
_FRAME = re.compile(r'\s*File "[^"\n]*", line \d+(?:, in (?P<function>\S.*))?$')
_REPEATED = re.compile(r"\s*\[Previous line repeated \d+ more times?\]$")
_TYPE = re.compile(r"(?P<type>[^\W\d][\w.<>]*)(?::|$)")
_SEPARATORS = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
# Java, .NET, JavaScript; Go's and Ruby's places stand in lines of their own too
_AT = re.compile(r"\s+at (?P<function>[^\s(]+)")
_FOREIGN = re.compile(r"(?P<kept>(?:Caused by: |Suppressed: )?(?P<type>[^\W\d][\w.$]*))(?::|$)")


def frames(text: str) -> str:
    r"""Keep where each exception of a trace was raised and of which type; source lines, notes and messages go.

    Knows CPython's traces and those with lines of the form `    at place`. Of any other text nothing is kept: what it
    holds is unknown.

    >>> frames('Traceback (most recent call last):\n  File "a.py", line 3, in f\n    g("s3cret")\nE: no s3cret\n')
    'Traceback (most recent call last):\n  File "a.py", line 3, in f\nE\n'
    >>> frames("java.io.IOException: no s3cret\n\tat a.B.c(B.java:3)\nCaused by: a.E: s3cret\n")
    'java.io.IOException\n\tat a.B.c(B.java:3)\nCaused by: a.E\n'
    """
    return "".join(f"{kept}\n" for kept, _ in _parts(text))


def stack_hash(text: str) -> str:
    """Hash functions and types of a trace to 16 hex digits: the same failure has the same ones on any machine.

    Lines, paths and repetitions do not count, since they differ by version, machine and depth.
    """
    digest = hashlib.sha256()
    last = ""
    for _, told in _parts(text):
        if told and told != last:
            digest.update(f"{told}\n".encode())
            last = told
    return digest.hexdigest()[:16]


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Give each line that is kept, and what of it counts for the hash."""
    lines = text.replace("\r\n", "\n").split("\n")
    if any(_HEADER.search(line) or _FRAME.match(line) for line in lines):
        return _python(lines)
    return _foreign(lines)


def _python(lines: list[str]) -> Iterator[tuple[str, str]]:
    """After a type comes its message, of any number of lines: nothing is kept until the next trace begins."""
    message = False
    for whole in lines:
        found = _MARGIN.match(whole)
        margin = found[0] if found else ""
        line = whole[len(margin) :]
        if _HEADER.fullmatch(line.strip()) or line.strip() in _SEPARATORS:
            message = line.strip() in _SEPARATORS
            yield whole, ""
        elif message:
            continue
        elif frame := _FRAME.match(line):
            yield whole, frame["function"] or ""
        elif _REPEATED.match(line):
            yield whole, ""
        elif (type_ := _TYPE.match(line)) and not line.startswith(" "):
            message = True
            yield margin + type_["type"], type_["type"].rpartition(".")[2]


def _foreign(lines: list[str]) -> Iterator[tuple[str, str]]:
    inside = False
    for number, line in enumerate(lines):
        if place := _AT.match(line):
            inside = True
            yield line, place["function"]
        elif (number == 0 or inside) and (found := _FOREIGN.match(line.lstrip("\t"))):
            inside = False
            yield line[: len(line) - len(line.lstrip("\t"))] + found["kept"], found["type"].rpartition(".")[2]

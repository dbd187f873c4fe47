"""An exception in words: type, message, and as much of the stack trace as may leave."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

from otel_insights.client.settings import Settings
from otel_insights.stack_reduction import stack_hash

TYPE, MESSAGE, STACKTRACE = "exception.type", "exception.message", "exception.stacktrace"
STACKTRACE_HASH = "otel_insights.exception.stacktrace.hash"
LONGEST_MESSAGE = 8192
_NO_TEXT = "<exception str() failed>"


def describe(exception: BaseException, settings: Settings) -> dict[str, str]:
    """Give the attributes of the semantic conventions. Never raises for what an exception does when looked at."""
    found = {TYPE: type_name(exception), MESSAGE: message(exception)[:LONGEST_MESSAGE]}
    if settings.stacktrace == "hash":
        found[STACKTRACE_HASH] = stack_hash(_full(exception))
    else:
        lines = _full(exception) if settings.stacktrace == "full" else "".join(_frames(exception))
        found[STACKTRACE] = tail(lines, settings.max_stacktrace)
    return found


def type_name(exception: BaseException) -> str:
    """Name the type as the SDK does: with its module, unless built in."""
    kind = type(exception)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def message(exception: BaseException) -> str:
    """Ask the exception for its text."""
    try:
        return str(exception)
    except BaseException:
        return _NO_TEXT


def tail(text: str, longest: int) -> str:
    r"""Keep the end, where a Python trace says what happened.

    >>> tail("one\ntwo\nthree", 5)
    'three'
    >>> tail("short", 5)
    'short'

    It begins with a whole line unless that costs more than half: of a line that is cut, no rule knows what it held.
    """
    if len(text) <= longest:
        return text
    kept = text[len(text) - longest :]
    whole = kept.find("\n") + 1
    return kept[whole:] if whole <= longest // 2 else kept


def _full(exception: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(type(exception), exception, exception.__traceback__))
    except Exception:  # a message, a note or a source file that does what it should not
        return "".join(_frames(exception))


def _frames(exception: BaseException) -> Iterator[str]:
    """Walk the chain, cause first, with places and types but neither source nor messages."""
    for one in _chain(exception):
        yield "Traceback (most recent call last):\n"
        for frame, line in traceback.walk_tb(one.__traceback__):
            code = frame.f_code
            yield f'  File "{code.co_filename}", line {line}, in {code.co_name}\n'
        yield f"{type_name(one)}\n"


def _chain(exception: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    one: BaseException | None = exception
    while one is not None and all(one is not known for known in found):
        found.append(one)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return found[::-1]

"""What is known of an exception object: whether it was reported, and the innermost span that saw it.

Kept on the object itself: built-in exceptions take no weak references, and an id is used again when its object is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from opentelemetry.trace import SpanContext

_NAME = "__otel_insights__"


@dataclass(slots=True)
class Mark:
    """Left on an exception."""

    reported: bool = False
    span: SpanContext | None = None

    def __reduce__(self) -> tuple[type[bool], tuple[()]]:
        """Cross no process: where an exception is unpickled, it is new, and we may not be installed."""
        return bool, ()


def mark_of(exception: BaseException) -> Mark:
    """Find the mark of an exception, or leave one. An exception that takes no attributes gets a new one every time."""
    found = getattr(exception, _NAME, None)
    if isinstance(found, Mark):
        return found
    mark = Mark()
    try:
        object.__setattr__(exception, _NAME, mark)
    except (AttributeError, TypeError):
        return mark
    return mark


def claim(exception: BaseException) -> bool:
    """Whether this is the first to report the exception. What a group holds is reported with it."""
    mark = mark_of(exception)
    if mark.reported:
        return False
    for one in _members(exception):
        mark_of(one).reported = True
    return True


def _members(exception: BaseException) -> Iterator[BaseException]:
    yield exception
    for one in getattr(exception, "exceptions", ()) if _is_group(exception) else ():
        yield from _members(one)


def _is_group(exception: BaseException) -> bool:
    """By name, since Python 3.10 has groups from a package only."""
    return any(kind.__name__ == "BaseExceptionGroup" for kind in type(exception).__mro__)

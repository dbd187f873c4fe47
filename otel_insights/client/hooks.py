"""Python's own places where an exception dies: each is chained, and what was there before is always called, once."""

# ruff: noqa: ANN401 - what is replaced may be anything
from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol

from otel_insights.client.qt import abort, aborting, called_within_a_program, core

_ABSENT = object()


class Place(Protocol):
    """Where something of ours stands in the application."""

    active: bool

    def install(self) -> None:
        """Take the place."""

    def restore(self) -> None:
        """Give it back."""


class Capture(Protocol):
    """Reports an exception; never raises."""

    def __call__(self, exception: BaseException, mechanism: str, *, fatal: bool = False) -> object: ...


@dataclass(slots=True)
class Hook:
    """One replaced or added attribute of a module or class. Where somebody wrapped ours since, ours does nothing."""

    owner: Any
    name: str
    make: Callable[[Any, Hook], Any]
    """Makes the replacement from what it replaces."""
    active: bool = field(default=False, init=False)
    _before: Any = field(default=None, init=False)
    _ours: Any = field(default=None, init=False)

    def install(self) -> None:
        """Put ours in place."""
        self._before = getattr(self.owner, self.name, _ABSENT)
        self._ours = self.make(self._before, self)
        setattr(self.owner, self.name, self._ours)
        self.active = True

    def restore(self) -> None:
        """Put back what was there."""
        self.active = False
        if getattr(self.owner, self.name) is not self._ours:
            return
        if self._before is _ABSENT:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, self._before)


def standard(capture: Capture, die: Callable[[], object]) -> list[Hook]:
    """Make the hooks that need no other module. `die` is called when the process is about to end."""
    return [
        Hook(sys, "excepthook", lambda before, hook: _excepthook(before, hook, capture, die)),
        Hook(threading, "excepthook", lambda before, hook: _thread(before, hook, capture)),
        Hook(sys, "unraisablehook", lambda before, hook: _unraisable(before, hook, capture)),
    ]


def _excepthook(before: Any, hook: Hook, capture: Capture, die: Callable[[], object]) -> Any:
    def otel_insights_excepthook(
        kind: type[BaseException], exception: BaseException, trace: TracebackType | None
    ) -> None:
        within = called_within_a_program() or threading.current_thread() is not threading.main_thread()
        dying = not within and not hasattr(sys, "ps1")
        aborts = aborting(before) if within and hook.active else None
        if hook.active:
            place = "qt" if within and core() is not None else "sys.excepthook"
            capture(exception, place, fatal=dying or aborts is not None)
        if aborts is not None:
            die()
            abort(aborts, lambda: before(kind, exception, trace))
            return
        try:
            before(kind, exception, trace)
        finally:
            # after the trace is shown: nobody waits for us to see it
            if hook.active and dying:
                die()

    return otel_insights_excepthook


def _thread(before: Any, hook: Hook, capture: Capture) -> Any:
    def otel_insights_thread_excepthook(args: threading.ExceptHookArgs, /) -> None:
        if hook.active and args.exc_value is not None:
            capture(args.exc_value, "threading")
        before(args)

    return otel_insights_thread_excepthook


def _unraisable(before: Any, hook: Hook, capture: Capture) -> Any:
    def otel_insights_unraisablehook(args: sys.UnraisableHookArgs, /) -> None:
        if hook.active and args.exc_value is not None:
            capture(args.exc_value, "unraisable")
        before(args)

    return otel_insights_unraisablehook

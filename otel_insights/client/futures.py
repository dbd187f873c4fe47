"""Exceptions left in a `concurrent.futures.Future` that nobody asks: reported when the future goes."""

# ruff: noqa: ANN401 - what is replaced may be anything
from __future__ import annotations

from types import ModuleType
from typing import Any

from otel_insights.client.hooks import Capture, Hook

FUTURES = "concurrent.futures._base"
_KEPT, _WATCH = "_exception", "__otel_insights__"


class _Unasked:
    """Goes with its future, and reports the exception unless somebody has asked for it."""

    __slots__ = ("asked", "capture", "exception", "hook")

    def __init__(self, exception: BaseException, capture: Capture, hook: Hook) -> None:
        self.exception = exception
        self.capture = capture
        self.hook = hook
        self.asked = False

    def __del__(self) -> None:
        if not self.asked and self.hook.active:
            self.capture(self.exception, "concurrent.futures")


def futures_hook(module: ModuleType, capture: Capture) -> Hook:
    """Watch where a future keeps its exception.

    A property, since a function of ours around `result` would show in the traces that go through it. Futures that are
    still there when the process ends are not seen; a `repr` counts as asking.
    """

    def make(_: Any, hook: Hook) -> property:
        def asked(self: Any) -> BaseException | None:
            watch = self.__dict__.get(_WATCH)
            if watch is not None:
                watch.asked = True
            return self.__dict__.get(_KEPT)  # type: ignore[no-any-return]

        def left(self: Any, exception: BaseException | None) -> None:
            self.__dict__[_KEPT] = exception
            if exception is not None and hook.active:
                self.__dict__[_WATCH] = _Unasked(exception, capture, hook)
            else:
                self.__dict__.pop(_WATCH, None)

        return property(asked, left)

    return Hook(module.Future, _KEPT, make)

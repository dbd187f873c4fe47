"""Ends of a process that run no `atexit`: SIGTERM's default action, and `os._exit`.

What waits leaves first, within the bound; the exit status is what it would be without us.
"""

# ruff: noqa: ANN401 - what is replaced may be anything
from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from otel_insights.client.hooks import Hook


def exit_hook(die: Callable[[], object]) -> Hook:
    """Send what waits before `os._exit` ends the process."""

    def make(before: Any, hook: Hook) -> Any:
        def _exit(status: int) -> None:
            if hook.active:
                die()
            before(status)

        return _exit

    return Hook(os, "_exit", make)


class Termination:
    """Stands for SIGTERM's default action. A handler of the application's, earlier or later, is left alone.

    As with any Python handler it runs between two steps of the main thread: code that stays in C for long ends later.
    """

    def __init__(self, die: Callable[[], object]) -> None:
        """`die` is called before the process ends."""
        self.die = die
        self.active = False

    def install(self) -> None:
        """Take the place, where it is free and this is the main thread: elsewhere Python allows no handlers."""
        if threading.current_thread() is threading.main_thread() and self._current() is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self)
            self.active = True

    def restore(self) -> None:
        """Give the place back, unless somebody has taken it."""
        if self.active and self._current() is self and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self.active = False

    def __call__(self, number: int, _: FrameType | None) -> None:
        """Send what waits, then end as without us."""
        if self.active:
            self.die()
        signal.signal(number, signal.SIG_DFL)
        if sys.platform == "win32":
            os._exit(3)  # what the C library's default action does there
        os.kill(os.getpid(), number)

    @staticmethod
    def _current() -> Any:
        return signal.getsignal(signal.SIGTERM)

"""Qt, where an application has imported it: its messages, and exceptions that leave a slot.

PySide prints what leaves a slot by `sys.excepthook` and goes on. PyQt does so only where somebody has set a hook, and
aborts where nobody has: with ours in place, we abort as it would have.
"""

# ruff: noqa: ANN401 - Qt's types are those of whichever binding there is
from __future__ import annotations

import atexit
import io
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr
from types import FrameType, ModuleType
from typing import Any

from otel_insights.client.guard import guarded

BINDINGS = ("PySide6.QtCore", "PyQt6.QtCore", "PyQt5.QtCore", "PySide2.QtCore")
MESSAGE_EVENT, MESSAGE, CATEGORY = "otel_insights.qt.message", "otel_insights.qt.message", "otel_insights.qt.category"
_MOST = 256
"""Different messages that are reported by a process; a message is reported once."""
_SEVERITIES = {"QtWarningMsg": "WARN", "QtCriticalMsg": "ERROR", "QtFatalMsg": "FATAL"}


def core() -> ModuleType | None:
    """Give QtCore, if the application has imported it."""
    return next((sys.modules[name] for name in BINDINGS if name in sys.modules), None)


def called_within_a_program() -> bool:
    """Whether the body of a module is still running below: then what we are told is not the end of the process."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - there is no other way
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            return True
        frame = frame.f_back
    return False


def aborting(before: Any) -> ModuleType | None:
    """Give PyQt's QtCore where it would abort, because nobody but us has set a hook."""
    found = core()
    return found if found is not None and found.__name__.startswith("PyQt") and before is sys.__excepthook__ else None


def abort(qt: ModuleType, show: Callable[[], object]) -> None:
    """End the process as PyQt does: what `show` prints is Qt's last message."""
    text = io.StringIO()
    with redirect_stderr(text):
        show()
    qt.qFatal(text.getvalue().removesuffix("\n"))


class Messages:
    """Stands before the message handler that there was, and reports warnings and what is worse."""

    def __init__(self, qt: ModuleType, report: Callable[[str, str, Mapping[str, object]], object]) -> None:
        """`report` is given a name, a severity and attributes."""
        self.qt = qt
        self.report = report
        self.active = False
        self._before: Any = None
        self._said: set[str] = set()

    def install(self) -> None:
        """Take the place; where Qt cannot format a message for us, the default handler could not be done justice."""
        if hasattr(self.qt, "qFormatLogMessage"):
            self._before = self.qt.qInstallMessageHandler(self._handle)
            self.active = True
            # Qt may speak when Python is gone
            atexit.register(self.restore)

    def restore(self) -> None:
        """Give the place back, unless somebody has taken it."""
        if not self.active:
            return
        self.active = False
        atexit.unregister(self.restore)
        current = self.qt.qInstallMessageHandler(self._before)
        if current != self._handle:
            self.qt.qInstallMessageHandler(current)

    def _handle(self, kind: Any, context: Any, message: str) -> None:
        if self.active:
            self._report(kind, context, message)
        if self._before is not None:
            self._before(kind, context, message)
        else:
            text = self.qt.qFormatLogMessage(kind, context, message)
            os.write(2, f"{text}\n".encode())  # as Qt's own handler: not what Python calls stderr

    @guarded
    def _report(self, kind: Any, context: Any, message: str) -> None:
        severity = _SEVERITIES.get(getattr(kind, "name", ""))
        if (
            severity is None
            or message in self._said
            or len(self._said) >= _MOST
            or message.startswith("Traceback (most")
        ):
            return
        self._said.add(message)
        told = {
            MESSAGE: message,
            CATEGORY: context.category,
            "code.file.path": context.file,
            "code.function.name": context.function,
            "code.line.number": context.line,
        }
        self.report(MESSAGE_EVENT, severity, {key: value for key, value in told.items() if value})

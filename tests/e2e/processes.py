"""Processes of a test: started, ended in two ways, their logs kept; and waiting for a condition with a bound."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_POLL = 0.05


def eventually(ask: Callable[[], T], what: str, within: float = 30.0) -> T:
    """Ask until the answer is true, and return it; AssertionError that says `what` when it is not in time."""
    end = time.monotonic() + within
    while not (answer := ask()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {within:g} s: {what}")
        time.sleep(_POLL)
    return answer


def free_port() -> int:
    """Find a port of the loopback on which nobody listens, never the same one twice.

    From below the range out of which the system takes ports for outgoing connections: one of these could otherwise be
    in the way by the time that a process listens, or listens again.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as one:
            one.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


_given: set[int] = set()


@dataclass
class Process:
    """A process that can be started again after it has ended; its output goes to one log file."""

    name: str
    arguments: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    _running: subprocess.Popen[bytes] | None = None
    _groups: list[int] = field(default_factory=list)

    @property
    def pid(self) -> int:
        assert self._running is not None
        return self._running.pid

    def start(self) -> None:
        """Start it in a process group of its own, so that what it starts can be ended too."""
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                self.arguments,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self.log.parent,
            )
        self._groups.append(self._running.pid)

    def alive(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def kill(self) -> None:
        """End it at once, as the system does when memory is short."""
        assert self._running is not None
        self._running.kill()
        self._running.wait(10)

    def freeze(self) -> None:
        """Let it neither do nor answer anything, while its connections stay open."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self, within: float = 30.0) -> int:
        """Ask it to end, and return its exit code."""
        assert self._running is not None
        self._running.terminate()
        return self._running.wait(within)

    def wait(self, within: float) -> int:
        """Return its exit code once it ends by itself."""
        assert self._running is not None
        return self._running.wait(within)

    def left_behind(self) -> bool:
        """Tell whether anything that it ever started is still there."""
        return any(_exists(group) for group in self._groups)

    def end(self) -> None:
        """Leave nothing of it behind."""
        for group in self._groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        if self._running is not None:
            self._running.wait(10)

    def tail(self, lines: int = 40) -> str:
        """Return the end of its log, without what a Collector repeats on every line."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        kept = [line[:400] for line in re.sub(r'"resource": \{.*?\}, ', "", text).splitlines()]
        return "\n".join(kept[-lines:])


def _exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True

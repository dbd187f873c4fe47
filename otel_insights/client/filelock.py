"""Locks between processes: one of them, and one thread of it, at a time. A process that dies lets go."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_PAUSE = 0.005
# a process's own locks do not keep its other threads out, and closing a file lets go of all that it has on it
_within: dict[str, threading.Lock] = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_within.clear)


@contextmanager
def locked(path: Path, wait: float) -> Iterator[bool]:
    """Hold a lock, waiting at most `wait` seconds for it; tells whether it is held. Raises OSError for a bad path."""
    deadline = time.monotonic() + wait
    inner = _within.setdefault(str(path), threading.Lock())
    if not inner.acquire(timeout=wait):
        yield False
        return
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            held = _try(file)
            while not held and time.monotonic() < deadline:
                time.sleep(_PAUSE)
                held = _try(file)
            yield held
            if held:
                _unlock(file)
        finally:
            os.close(file)
    finally:
        inner.release()


def _tried(lock: Callable[[], object]) -> bool:
    try:
        lock()
    except OSError:  # somebody has it, or the file system has no locks
        return False
    return True


if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _try(file: int) -> bool:
        return _tried(lambda: msvcrt.locking(file, msvcrt.LK_NBLCK, 1))

    def _unlock(file: int) -> None:
        os.lseek(file, 0, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try(file: int) -> bool:
        # POSIX locks and not flock's: those would go on in a child that is forked meanwhile
        return _tried(lambda: fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB))

    def _unlock(file: int) -> None:
        fcntl.lockf(file, fcntl.LOCK_UN)

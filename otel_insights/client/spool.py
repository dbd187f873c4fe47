"""What could not be sent, on disk: lines of OTLP/JSON in daily files, bounded, for many processes at once.

A folder holds `events_YYYYMMDD.jsonl`, which grows, and `events_YYYYMMDD.NAME.jsonl`, which do not any more. Whoever
appends holds `write.lock` for as long as that takes, whoever replays holds `replay.lock`. Files are the owner's alone.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from otel_insights.client.filelock import locked

MAX_BYTES = 32 * 2**20
MAX_AGE = 7 * 86_400.0
"""Seconds."""
_SEGMENTS = 8
"""Files that the bound is divided into: one is dropped at a time."""
_PATIENCE = 0.25
"""Seconds that a process, perhaps a dying one, waits for the lock; then it writes a file of its own."""
_PATTERN = "events_*.jsonl"


class Answer(Enum):
    """What became of a line that was sent."""

    TAKEN = "taken"
    NEVER = "never"
    """It will not be taken, now or later."""
    LATER = "later"


@dataclass(slots=True)
class Spool:
    """Keeps lines; drops the oldest beyond its bounds, and counts them."""

    folder: Path
    max_bytes: int = MAX_BYTES
    max_age: float = MAX_AGE
    clock: Callable[[], float] = time.time
    dropped: int = field(default=0, init=False)
    """Lines: an export request each."""

    def keep(self, line: bytes) -> bool:
        """Append a line; whether it is kept. Never raises OSError: a full or forbidden disk drops it."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(self.folder / "write.lock", _PATIENCE) as held:
                kept = self._append(line) if held else self._apart(line)
        except OSError:
            kept = False
        self.dropped += not kept
        return kept

    def _append(self, line: bytes) -> bool:
        if not self._make_room(len(line) + 1):
            return False
        path = self.folder / f"events_{self._today()}.jsonl"
        if path.exists() and path.stat().st_size > self.max_bytes // _SEGMENTS:
            self._seal(path)
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(file, "r+b", buffering=0) as opened:
            before = opened.seek(0, os.SEEK_END)
            if before:
                opened.seek(before - 1)
            # somebody may have died within a line
            begin = b"\n" if before and opened.read(1) != b"\n" else b""
            try:
                written = opened.write(begin + line + b"\n")
            except OSError:
                written = 0
            if written != len(begin) + len(line) + 1:
                opened.truncate(before)
                return False
        return True

    def _apart(self, line: bytes) -> bool:
        """Write a file of one's own, which is there whole or not at all: the lock cannot be had."""
        path = self.folder / f"events_{self._today()}.{self._unique()}.jsonl"
        partial = path.with_suffix(".partial")
        file = os.open(partial, os.O_WRONLY | os.O_EXCL | os.O_CREAT, 0o600)
        with os.fdopen(file, "wb") as opened:
            opened.write(line + b"\n")
        partial.replace(path)
        return True

    def _make_room(self, size: int) -> bool:
        if size > self.max_bytes:
            return False
        oldest = self.clock() - self.max_age
        found: list[tuple[Path, os.stat_result]] = []
        for path in self.files():
            with suppress(FileNotFoundError):  # whoever replays may be done with it
                found.append((path, path.stat()))
        total = sum(one.st_size for _, one in found)
        for path, one in found:
            if one.st_mtime < oldest or total + size > self.max_bytes:
                self._drop(path)
                total -= one.st_size
        return True

    def _drop(self, path: Path) -> None:
        with suppress(FileNotFoundError):
            with path.open("rb") as lines:
                self.dropped += sum(not one.isspace() for one in lines)
            path.unlink()

    def _seal(self, path: Path) -> None:
        path.replace(path.with_name(f"{path.stem}.{self._unique()}.jsonl"))

    def _today(self) -> str:
        return time.strftime("%Y%m%d", time.gmtime(self.clock()))

    def _unique(self) -> str:
        """Name so that names sort by time."""
        return f"{int(self.clock() * 1e9):019d}-{uuid.uuid4().hex[:8]}"

    def files(self) -> list[Path]:
        """List files, oldest first; a day's file that still grows is its last."""
        found = self.folder.glob(_PATTERN)
        return sorted(found, key=lambda path: (path.name[:15], path.name.count(".") == 1, path.name))

    def size(self) -> int:
        """Give the bytes of what is left to send."""
        total = 0
        for path in self.files():
            with suppress(FileNotFoundError), path.open("rb") as lines:
                total += sum(len(line) for line in lines if not line.isspace())
        return total

    def replay(self, send: Callable[[bytes], Answer], stop: Callable[[], bool] = lambda: False) -> bool:
        """Send what is kept, oldest first, and forget what was answered; False if something is left.

        A line that was taken is made blank in its place at once, so that a process which dies here repeats one line at
        most. Where somebody else is at it, nothing is done. Raises OSError.
        """
        if not self.files():
            return True
        with locked(self.folder / "replay.lock", 0) as held:
            files = self._closed() if held else None
            return files is not None and all(self._replay_file(path, send, stop) for path in files)

    def _closed(self) -> list[Path] | None:
        """Let none of the files that there are grow any more; None where that cannot be had now."""
        with locked(self.folder / "write.lock", _PATIENCE) as held:
            if not held:
                return None
            for path in self.files():
                if path.name.count(".") == 1:
                    self._seal(path)
            return self.files()

    def _replay_file(self, path: Path, send: Callable[[bytes], Answer], stop: Callable[[], bool]) -> bool:
        with suppress(FileNotFoundError), path.open("rb") as lines, path.open("r+b", buffering=0) as blank:
            begin = 0
            for line in lines:
                if not line.isspace():
                    if stop() or (answer := send(line.rstrip(b"\r\n"))) is Answer.LATER:
                        return False
                    self.dropped += answer is Answer.NEVER
                    blank.seek(begin)
                    blank.write(b" " * len(line.rstrip(b"\r\n")))
                begin += len(line)
        path.unlink(missing_ok=True)
        return True

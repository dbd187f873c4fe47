"""Programs built from Go modules once, and kept in the user's cache directory: found there the next time."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path


class NoGoError(Exception):
    """There is nothing to build with: no Go, or no modules to be had."""


class BuildError(Exception):
    """It does not build; the message is the end of what the tools said."""


def built(name: str, description: bytes, build: Callable[[Path], Path]) -> Path:
    """Return the path of a program, building it where it is not cached under a hash of its description.

    `build` is given an empty folder and returns where the program is. Several processes may call this at once: one
    builds, the others wait for it. Raises NoGoError, BuildError.
    """
    home = cache() / f"{name}-{hashlib.sha256(description).hexdigest()[:16]}"
    binary = home / name
    if binary.exists():
        return binary
    if shutil.which("go") is None:
        raise NoGoError(f"no Go on the PATH, so no {name} to test with (https://go.dev/dl)")
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.exists():
            with tempfile.TemporaryDirectory(dir=home) as workplace:
                build(Path(workplace)).replace(binary)
    return binary


def cache() -> Path:
    """Name the folder where such programs are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "otel-insights"


def go(arguments: list[str], workplace: Path) -> None:
    """Run the go command in a folder; raises BuildError with what it said where it fails."""
    done = subprocess.run(
        ["nice", "go", *arguments],
        cwd=workplace,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BuildError(f"go {' '.join(arguments)}: exit code {done.returncode}\n{done.stdout[-3000:]}")

"""Find or build the real Collector that builder.yaml describes: `python tests/e2e/collector.py` prints its path.

The binary is kept in the user's cache directory under a hash of builder.yaml, so it is built once (minutes) and found
afterwards (no time at all). Needs Go and, for the first build only, the Go module proxy.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

DESCRIPTION = Path(__file__).with_name("builder.yaml")
BUILDER = "go.opentelemetry.io/collector/cmd/builder"
# What every Collector consists of beside its components; named so that no component behind the others can hold it back.
CORE = ("go.opentelemetry.io/collector", "go.opentelemetry.io/collector/otelcol")


class NoGoError(Exception):
    """Go is not installed: there is nothing to build a Collector with."""


class BuildError(Exception):
    """The Collector does not build; the message is the end of what the tools said."""


def find_or_build() -> Path:
    """Return the path of the Collector's binary, building it where it is not cached.

    Several processes may call this at once: one builds, the others wait for it. Raises NoGoError, BuildError.
    """
    home = cache() / f"otelcol-{hashlib.sha256(DESCRIPTION.read_bytes()).hexdigest()[:16]}"
    binary = home / "otelcol"
    if binary.exists():
        return binary
    if shutil.which("go") is None:
        raise NoGoError("no Go on the PATH, so no Collector to test with (https://go.dev/dl)")
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.exists():
            with tempfile.TemporaryDirectory(dir=home) as workplace:
                _build(Path(workplace)).replace(binary)
    return binary


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "otel-insights"


def _build(workplace: Path) -> Path:
    """Let the builder write the sources, then compile them without its `go mod tidy`.

    Tidying also fetches what the tests of every dependency need, hundreds of modules that nobody compiles; a proxy that
    lacks one of them would fail the build.
    """
    description = yaml.safe_load(DESCRIPTION.read_text())
    version = f"v{description['dist']['version']}"
    description["dist"]["output_path"] = str(workplace)
    written = workplace / "builder.yaml"
    written.write_text(yaml.safe_dump(description))
    builder = f"{BUILDER}@{version}"
    _go(["run", builder, "--skip-get-modules", "--skip-compilation", f"--config={written}"], workplace)
    parts = [
        part["gomod"].replace(" ", "@") for parts in description.values() if isinstance(parts, list) for part in parts
    ]
    parts += [f"{part}@{version}" for part in CORE]
    _go(["mod", "init", description["dist"]["module"]], workplace)
    _go(["mod", "edit", *(f"-require={part}" for part in parts)], workplace)
    _go(["build", "-mod=mod", "-trimpath", "-ldflags=-s -w", "-o", "otelcol", "."], workplace)
    return workplace / "otelcol"


def _go(arguments: list[str], workplace: Path) -> None:
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


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{find_or_build()}\n")
    except (NoGoError, BuildError) as error:
        sys.exit(str(error))

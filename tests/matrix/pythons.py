"""Interpreters for the matrix: every CPython of ours that is installed, each with OpenTelemetry in an environment.

`python tests/matrix/pythons.py` makes the environments once, below .cache/, and prints their interpreters.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSIONS = ("3.10", "3.11", "3.12", "3.13")
NEEDED = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http", "opentelemetry-exporter-otlp-proto-grpc")
OLDEST = "1.40.0"
"""The oldest release of OpenTelemetry that applications may have: the oldest Python gets it, the others the newest."""
CACHE = Path(__file__).parents[2] / ".cache" / "matrix"


def main() -> None:
    """Make what is missing."""
    made = [environment(version, found) for version in VERSIONS if (found := interpreter(version))]
    sys.stdout.write(os.pathsep.join(str(one) for one in made) + "\n")


def interpreter(version: str) -> Path | None:
    """Find an interpreter that runs: on the path, or among pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python"))]
    for one in candidates:
        if one and subprocess.run([one, "-c", ""], check=False, capture_output=True).returncode == 0:
            return Path(one)
    return None


def environment(version: str, base: Path) -> Path:
    """Give the interpreter of a version's environment; made at the first time."""
    is_oldest = version == VERSIONS[0]
    release = f"=={OLDEST}" if is_oldest else "<2"
    folder = CACHE / (f"{version}-oldest" if is_oldest else version)
    python = folder / "bin" / "python"
    done = folder / "done"
    if not done.exists():
        sys.stderr.write(f"making {folder}\n")
        subprocess.run([base, "-m", "venv", "--clear", folder], check=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", *(name + release for name in NEEDED)],
            check=True,
            stdout=sys.stderr,
        )
        done.touch()
    return python


if __name__ == "__main__":
    main()

"""Virtual environments, made once and kept outside of the repository."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

SDK = ("opentelemetry-sdk>=1.37,<2", "opentelemetry-exporter-otlp-proto-http>=1.37,<2")


class NotInstallableError(Exception):
    """Pip could not install something: no network, no wheel for this Python, versions that it refuses."""


def interpreter(cache: Path, packages: Sequence[str]) -> Path:
    """Give the interpreter of an environment with these packages, made now if it is not there. NotInstallableError."""
    folder = cache / f"{platform.python_version()}-{_name(packages)}"
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    sdk = _sdk(cache)
    venv.create(folder, with_pip=False, symlinks=True)
    _pip("--python", str(python), "install", *packages)
    (site,) = folder.glob("lib/python*/site-packages")
    # after the environment's own packages, so that it sees theirs first
    (site / "telemetry.pth").write_text(f"{sdk}\n", encoding="utf-8")
    (folder / "complete").touch()
    return python


def _sdk(cache: Path) -> Path:
    """Install OpenTelemetry once for all environments: it is the same in each of them."""
    folder = cache / f"{platform.python_version()}-{_name(SDK)}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _pip("install", "--target", str(folder), *SDK)
        (folder / "complete").touch()
    return folder


def _name(packages: Sequence[str]) -> str:
    words = "-".join(one.replace("==", "-") for one in packages)
    return (
        words if words.replace("-", "").replace(".", "").isalnum() else hashlib.sha256(words.encode()).hexdigest()[:12]
    )


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["pip failed"]
        raise NotInstallableError(next((line for line in lines if line.startswith("ERROR")), lines[-1]))

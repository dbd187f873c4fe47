"""Where the process runs: resource attributes, and the packages that are installed."""

from __future__ import annotations

import os
import platform
import re
import sys
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from otel_insights.client.container import container
from otel_insights.client.revision import revision
from otel_insights.redaction import Redactor

_ARCHITECTURES = {
    "x86_64": "amd64",
    "amd64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "i386": "x86",
    "i686": "x86",
}
_LONGEST_VALUE = 1024
"""Characters of a variable; it goes with every request, and the server keeps no more."""
_SEPARATORS = re.compile(r"[-_.]+")
_INSTALLED = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)(?:-py[\d.]+)?\.(?:dist|egg)-info$")
_WITHOUT_VERSION = ".egg-info"


def attributes(variables: Iterable[str], redactor: Redactor) -> dict[str, str | int]:
    """Give what the semantic conventions call `process.*`, `os.*`, `host.arch`, and the ids of container and pod.

    Nothing names machine or user.
    """
    machine = platform.machine().lower()
    found: dict[str, str | int] = {
        "process.pid": os.getpid(),
        "process.runtime.name": sys.implementation.name,
        "process.runtime.version": platform.python_version(),
        "process.runtime.description": " ".join(sys.version.split()),
        "os.type": {"win32": "windows"}.get(sys.platform, sys.platform),
        "os.version": platform.release(),
        "host.arch": _ARCHITECTURES.get(machine, machine),
    }
    allowed = {f"process.environment_variable.{name}": os.environ[name] for name in variables if name in os.environ}
    cleaned = redactor.attributes(allowed)
    told = {key: str(value)[:_LONGEST_VALUE] for key, value in cleaned.items() if key in allowed}
    return found | container() | revision() | told


def instance_id() -> str:
    """Name a process: random, so that it says nothing about its machine."""
    return str(uuid.uuid4())


def packages(path: Iterable[str] | None = None) -> dict[str, str]:
    """Find the installed packages and versions by the names of their directories.

    `importlib.metadata` reads a file for each, some hundred times slower. A package that stands on the path twice is
    the first one, as for an import. Zip files are not looked into.
    """
    found: dict[str, str] = {}
    for folder in sys.path if path is None else path:
        for name, version in _in(folder or "."):
            found.setdefault(_SEPARATORS.sub("-", name).lower(), version)
    return found


def _in(folder: str) -> Iterator[tuple[str, str]]:
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(("dist-info", "egg-info")))  # noqa: PTH208
    except OSError:
        return
    for name in names:
        if match := _INSTALLED.match(name):
            yield match["name"], match["version"]
        elif name.endswith(_WITHOUT_VERSION) and "-" not in name.removesuffix(_WITHOUT_VERSION):
            yield name.removesuffix(_WITHOUT_VERSION), _version(Path(folder, name))


def _version(egg_info: Path) -> str:
    """Read the version of a package in development, whose directory does not say it."""
    try:
        with (egg_info / "PKG-INFO").open(encoding="utf-8", errors="replace") as lines:
            return next((line[8:].strip() for line in lines if line.startswith("Version:")), "")
    except OSError:
        return ""

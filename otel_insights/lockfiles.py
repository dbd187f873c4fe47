"""Sets of packages: what a lock file, or the running environment, installs."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from otel_insights.lock_graph import reachable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ENVIRONMENT = "environment"
"""What names the running environment instead of a file."""


class UnreadableLockError(Exception):
    """A file is no set of packages that we know, or cannot be read."""


@dataclass(slots=True)
class Packages:
    """What will be installed. Names are normalised (PEP 503).

    `complete`: what is not named is not installed, and an environment variable that is not named is not set. `others`
    are further configuration keys. `unpinned` are packages that are named without one version. `skipped` are lines, or
    packages, that tell no version.
    """

    versions: dict[str, str] = field(default_factory=dict)
    complete: bool = True
    others: dict[str, str] = field(default_factory=dict)
    unpinned: set[str] = field(default_factory=set)
    skipped: list[str] = field(default_factory=list)


def read_packages(name: str) -> Packages:
    """Read a requirements file with `==`, poetry.lock, uv.lock or pylock.toml (PEP 751); or `environment`.

    Markers are judged by the interpreter that runs this, with no extra chosen; what only development groups or extras
    need is left out. Raises UnreadableLockError.
    """
    if name == ENVIRONMENT:
        return _environment()
    path = Path(name)
    try:
        text = path.read_text(encoding="utf-8-sig")
        found = _of_toml(tomllib.loads(text)) if path.suffix in (".toml", ".lock") else _requirements(path, text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnreadableLockError(f"{name}: {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UnreadableLockError(f"{name}: not as its format says: {error!r}") from error
    if found is None:
        raise UnreadableLockError(f"{name}: expected poetry.lock, uv.lock or pylock.toml, or a requirements file")
    if not found.versions:
        raise UnreadableLockError(f"{name}: no package in it has a version that can be read")
    return found


def _environment() -> Packages:
    found = Packages(others={"process.runtime.version": platform.python_version()})
    found.others |= {f"process.environment_variable.{key}": value for key, value in os.environ.items()}
    for one in distributions():
        if one.name and one.version:  # a broken installation has neither
            found.versions.setdefault(canonicalize_name(one.name), one.version)
    return found


def _requirements(path: Path, text: str) -> Packages:
    found = Packages(complete=False)
    for place, line in _lines(path, text, seen=set()):
        _require(found, place, line)
    return found


def _lines(path: Path, text: str, seen: set[Path]) -> Iterator[tuple[str, str]]:
    """Yield lines joined where a backslash ends them, without comments and hashes; files that are named, in place."""
    seen.add(path.resolve())
    number = 1
    for joined in re.sub(r"\\\r?\n", "\0", text).splitlines():
        place = f"{path.name}:{number}"
        number += 1 + joined.count("\0")
        line = re.sub(r"(?:^|\s)#.*", "", joined.replace("\0", " ")).strip()
        line = re.split(r"\s--(?:hash|config-settings|global-option)\b", line)[0].strip()
        if included := re.match(r"(?:-r|--requirement)[\s=]*(\S+)$", line):
            inner = path.parent / included[1]
            if inner.resolve() not in seen:
                yield from _lines(inner, inner.read_text(encoding="utf-8-sig"), seen)
        elif line and not re.match(r"--|-[ifc]\b", line):
            yield place, line


def _require(found: Packages, place: str, line: str) -> None:
    try:
        one = Requirement(line)
    except InvalidRequirement:
        found.skipped.append(f"{place}: {line}")
        return
    if not _applies(str(one.marker) if one.marker else ""):
        return
    name = canonicalize_name(one.name)
    exact = [s.version for s in one.specifier if s.operator in ("==", "===") and not s.version.endswith(".*")]
    if exact:
        found.versions[name] = exact[0]
    else:
        found.unpinned.add(name)
        found.skipped.append(f"{place}: {line} (names no one version)")


def _of_toml(tree: Mapping[str, Any]) -> Packages | None:
    if "packages" in tree and "lock-version" in tree:
        return _pylock(tree)
    rows = tree.get("package", [])
    if "lock-version" in tree.get("metadata", {}):
        return _gathered(row for row in rows if _is_deployed(row))
    if rows and all("source" in row for row in rows):
        return _gathered(reachable(rows, _applies))
    return None


def _is_deployed(row: Mapping[str, Any]) -> bool:
    """Tell whether Poetry installs a package without extras and development groups."""
    groups = row.get("groups", [row.get("category", "main")])
    markers = row.get("markers", "")
    if isinstance(markers, Mapping):
        markers = markers.get("main", "")
    return "main" in groups and not row.get("optional", False) and _applies(markers)


def _pylock(tree: Mapping[str, Any]) -> Packages:
    groups = frozenset(tree.get("default-groups", ()))
    chosen = {"extras": frozenset[str](), "dependency_groups": groups}
    return _gathered(row for row in tree["packages"] if _applies(row.get("marker", ""), chosen))


def _gathered(rows: Iterable[Mapping[str, Any]]) -> Packages:
    found = Packages()
    for row in rows:
        name = canonicalize_name(row["name"])
        if "version" in row:
            found.versions.setdefault(name, str(row["version"]))
        else:
            found.unpinned.add(name)
            found.skipped.append(f"{row['name']} (has no version)")
    return found


def _applies(marker: str, chosen: Mapping[str, frozenset[str]] | None = None) -> bool:
    """Judge a marker; one that cannot be judged is taken for true, as it may be where this is deployed."""
    if not marker:
        return True
    try:
        if chosen is not None:
            return Marker(marker).evaluate(dict(chosen), context="lock_file")
        return Marker(marker).evaluate()
    except (InvalidMarker, UndefinedEnvironmentName, TypeError):
        return True

"""The order of version strings: PEP 440, with a fallback for whatever else calls itself a version."""

import re
from functools import lru_cache

from packaging.version import InvalidVersion, Version

_VERSIONED = frozenset({"process.runtime.version", "service.version"})
_PIECES = re.compile(r"\d+|[^\d.\-_+]+")
_SEPARATORS = re.compile(r"[-_.]+")

VersionKey = tuple[int, Version | tuple[tuple[int, int, str], ...]]
"""What versions sort by: (1, PEP 440 version), or (0, pieces) for text that PEP 440 does not know."""


@lru_cache(maxsize=65536)
def version_key(text: str) -> VersionKey:
    """Return what `text` sorts by. Never raises.

    Text that is no PEP 440 version comes before every version, among its like piece by piece: numbers by value and
    before words. So `bookworm` < `build-9` < `build-10` < `1.0`.

    >>> version_key("2.10") > version_key("2.9"), version_key("1.0") == version_key("1.0.0")
    (True, True)
    >>> version_key("build-9") < version_key("build-10") < version_key("0.1")
    True
    """
    try:
        return 1, Version(text)
    except InvalidVersion:
        return 0, tuple((0, int(p), "") if p.isdecimal() else (1, 0, p.lower()) for p in _PIECES.findall(text))


def is_versioned(key: str) -> bool:
    """Tell whether the values of this configuration key are ordered as versions."""
    return key.startswith("package.") or key in _VERSIONED


def normalise_package(name: str) -> str:
    """Return a package's name as PEP 503 normalises it.

    >>> normalise_package("Flask_SQLAlchemy")
    'flask-sqlalchemy'
    """
    return _SEPARATORS.sub("-", name).lower()

"""A guest's manners: an error of ours is said once and swallowed; under our own tests it is raised."""

from __future__ import annotations

import functools
import logging
import os
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")
_said: set[str] = set()
_MOST_SAID = 100

log = logging.getLogger("otel_insights.client")
# as every library should: with no logging configured, nothing of ours may reach the application's stderr
log.addHandler(logging.NullHandler())

STRICT = "OTEL_INSIGHTS_STRICT"
"""Environment variable: `1` raises our own errors into the application. For our tests."""


def guarded(function: Callable[_P, _R]) -> Callable[_P, _R | None]:
    """Let no `Exception` of ours out of `function`: it gives None then. `KeyboardInterrupt` and the like pass."""

    @functools.wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R | None:
        try:
            return function(*args, **kwargs)
        except Exception:
            if os.environ.get(STRICT) == "1":
                raise
            once(function.__qualname__, exc_info=True)
            return None

    return call


def refused(error: Exception) -> None:
    """Warn that what `instrument()` was told cannot be heeded, at the line that calls it; under our own tests, raise.

    What goes wrong in us stays in a log that few read; a mistake in a setting has to be seen by who made it.
    """
    if os.environ.get(STRICT) == "1":
        raise error
    warnings.warn(f"otel_insights reports nothing: {error}", RuntimeWarning, stacklevel=4)


def once(what: str, *, exc_info: bool = False) -> None:
    """Say a trouble of ours, the first time only."""
    if what not in _said and len(_said) < _MOST_SAID:
        _said.add(what)
        log.warning("otel_insights: %s failed; further failures of it are not logged", what, exc_info=exc_info)

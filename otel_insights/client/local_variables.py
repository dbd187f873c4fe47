"""Local variables of the application's own frames, bounded; asked for only where an application says so."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Callable, Iterator, Mapping
from types import FrameType, TracebackType

NAME = "otel_insights.exception.locals"
_FRAMES, _VARIABLES, _LONGEST, _LOOKED_AT = 5, 20, 200, 4000
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_STANDARD = os.path.dirname(os.__file__) + os.sep  # noqa: PTH120 - compared as text


class _Careful(reprlib.Repr):
    """Shows plain values; of anything else only the type, since its `repr` may do whatever it likes."""

    def __init__(self, clean: Callable[[str], str]) -> None:
        super().__init__()
        self.clean = clean
        self.maxlevel = 3
        self.maxstring = self.maxother = self.maxlong = _LONGEST
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdeque = 10

    def repr1(self, x: object, level: int) -> str:
        kind = type(x)
        if x is None or kind in {bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset}:
            return super().repr1(x, level)  # type: ignore[no-any-return,unused-ignore]
        return f"<{kind.__module__}.{kind.__qualname__}>"

    def repr_str(self, x: str, _: int) -> str:
        """Clean before cutting: of half a secret no rule can tell what it was."""
        return repr(self.clean(x[:_LOOKED_AT])[:_LONGEST])


def local_variables(trace: TracebackType | None, clean: Callable[[str], str]) -> dict[str, dict[str, object]]:
    """Find the variables of the innermost frames that are the application's own, by `function:line`.

    Mappings stay mappings, so that a secret can be told by its key.
    """
    own = [(frame, line) for frame, line in _walk(trace) if _is_own(frame)]
    shown = _Careful(clean)
    return {f"{frame.f_code.co_name}:{line}": _of(frame, shown) for frame, line in own[-_FRAMES:]}


def _of(frame: FrameType, shown: _Careful) -> dict[str, object]:
    names = [name for name in frame.f_locals if not name.startswith("__")]
    return {name: _plain(frame.f_locals[name], shown, 2) for name in names[:_VARIABLES]}


def _plain(value: object, shown: _Careful, depth: int) -> object:
    if type(value) is dict and depth:
        return {str(key)[:_LONGEST]: _plain(one, shown, depth - 1) for key, one in _first(value)}
    return shown.repr(value)[:_LONGEST]


def _first(mapping: Mapping[object, object]) -> list[tuple[object, object]]:
    """Take a few; keys that are no plain values are left out."""
    return [(key, one) for key, one in list(mapping.items())[:_VARIABLES] if type(key) in {str, int, bool, float}]


def _walk(trace: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _is_own(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    return not (
        file.startswith(("<frozen", _STANDARD))
        or any(folder in file for folder in _INSTALLED)
        or str(frame.f_globals.get("__name__", "")).startswith("otel_insights.client")
    )

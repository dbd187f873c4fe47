"""Places that exist once a module is imported: loops (asyncio, uvloop), children of multiprocessing, cells of IPython.

None is imported for our sake: a finder waits for them and steps aside.
"""

# ruff: noqa: ANN401 - what is replaced may be anything
from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from otel_insights.client.hooks import Capture, Hook

ASYNCIO, MULTIPROCESSING = "asyncio.base_events", "multiprocessing.process"
IPYTHON = "IPython.core.interactiveshell"
UVLOOP = "uvloop"


def asyncio_hook(module: ModuleType, capture: Capture) -> Hook:
    """See what reaches a loop's exception handler, in loops that are there and in those made later.

    Loops that derive neither from asyncio's `BaseEventLoop` nor from uvloop's `Loop` are not seen.
    """
    return _loop_hook(module.BaseEventLoop, capture)


def uvloop_hook(module: ModuleType, capture: Capture) -> Hook:
    """See the same in loops of uvloop, whose class is Python's own around a compiled one."""
    return _loop_hook(module.Loop, capture)


def _loop_hook(loop: type, capture: Capture) -> Hook:
    def make(before: Any, hook: Hook) -> Any:
        def call_exception_handler(self: Any, context: dict[str, Any]) -> Any:
            if hook.active and isinstance(exception := context.get("exception"), BaseException):
                capture(exception, "asyncio")
            return before(self, context)

        return call_exception_handler

    return Hook(loop, "call_exception_handler", make)


def multiprocessing_hook(module: ModuleType, capture: Capture, die: Callable[[], object]) -> Hook:
    """See what ends a child process: multiprocessing catches it itself, prints it, and leaves without `atexit`.

    It is seen where it is printed: a function of ours around the child's own would show in the trace.
    """
    process = module.BaseProcess

    def make(before: Any, hook: Hook) -> Any:
        def _bootstrap(self: Any, *args: Any, **kwargs: Any) -> Any:
            if not hook.active:
                return before(self, *args, **kwargs)
            seen = Hook(traceback, "print_exc", lambda printing, _: _printing(printing, before.__code__, capture))
            seen.install()
            try:
                return before(self, *args, **kwargs)
            finally:
                seen.restore()
                die()

        return _bootstrap

    return Hook(process, "_bootstrap", make)


def _printing(before: Any, of: Any, capture: Capture) -> Any:
    def print_exc(*args: Any, **kwargs: Any) -> Any:
        exception = sys.exc_info()[1]
        if exception is not None and sys._getframe(1).f_code is of:  # noqa: SLF001 - who prints it, tells what it is
            capture(exception, "multiprocessing", fatal=True)
        return before(*args, **kwargs)

    return print_exc


def ipython_hook(module: ModuleType, capture: Capture) -> Hook:
    """See what a cell raises, in a notebook or a shell: IPython catches it, shows it, and goes on."""

    def make(before: Any, hook: Hook) -> Any:
        def showtraceback(self: Any, exc_tuple: Any = None, *args: Any, **kwargs: Any) -> Any:
            exception = exc_tuple[1] if exc_tuple else sys.exc_info()[1]
            if hook.active and isinstance(exception, BaseException):
                capture(exception, "ipython")
            return before(self, exc_tuple, *args, **kwargs)

        return showtraceback

    return Hook(module.InteractiveShell, "showtraceback", make)


class Waiting(MetaPathFinder):
    """Calls back once after the import of a module."""

    def __init__(self, name: str, imported: Callable[[ModuleType], object]) -> None:
        """Wait for `name`."""
        self.name = name
        self.imported = imported

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the module as without us, and look over its loader's shoulder."""
        if fullname != self.name or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        finders = (one for one in sys.meta_path if hasattr(one, "find_spec"))
        spec = next((found for one in finders if (found := one.find_spec(fullname, path, target))), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _Following(spec.loader, self.imported)
        return spec


class _Following(Loader):
    def __init__(self, loader: Loader, imported: Callable[[ModuleType], object]) -> None:
        self._loader = loader
        self._imported = imported

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._imported(module)

"""The one process for long work: clustering and explaining run there, on a snapshot, never on the data path."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Worker:
    """One spawned process, begun at its first task and begun anew after it has died.

    Spawned, not forked: a fork would take the event loop's and gRPC's threads along in whatever state they are.
    """

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a module-level function on values that can be pickled, and return its result.

        What it raises is raised here; so is BrokenProcessPool when the process dies, after which the next call begins
        another one.
        """
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_calm)
        try:
            return await asyncio.wrap_future(self._pool.submit(function, *args, **kwargs))
        except BrokenProcessPool:
            self._pool.shutdown(wait=False)
            self._pool = None
            raise

    async def close(self) -> None:
        """End the process; a task under way is abandoned, for its result would have nowhere to go."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        processes = list((pool._processes or {}).values())  # noqa: SLF001 - no public way to end a running task
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        await asyncio.get_running_loop().run_in_executor(None, pool.shutdown)


def _calm() -> None:
    """Let the data path go first, leave Ctrl-C to the parent, and end when the parent does, even if it was killed."""
    import os  # noqa: PLC0415 - only in the spawned process
    import signal  # noqa: PLC0415
    import threading  # noqa: PLC0415

    for library in (
        "OPENBLAS",
        "OMP",
        "MKL",
    ):  # not loaded yet: one core is its share, the other ones are the data path's
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="end with parent", daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(5)


def _end_with_parent() -> None:
    """Wait for the parent's end: the pool's own pipe never tells, since this process holds both ends of it."""
    import os  # noqa: PLC0415 - only in the spawned process

    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)

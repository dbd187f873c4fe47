"""What a process uses: processor, memory, threads, files, garbage collection; read when a reader asks, and only then.

Names are those of the semantic conventions (process and CPython metrics). Without a library: on Linux all, on other
systems of POSIX neither memory nor threads, files and uptime, on Windows the processor's time and what CPython tells.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from opentelemetry.metrics import CallbackOptions, Meter, Observation

_PROC = Path("/proc/self")
_Read = Callable[[], Iterable[Observation]]


def observe(meter: Meter) -> None:
    """Let a meter ask for these; again for another meter."""
    counters: list[tuple[str, str, _Read]] = [
        ("process.cpu.time", "s", _cpu),
        ("process.context_switches", "{context_switch}", _switches),
        ("process.paging.faults", "{fault}", _faults),
        ("cpython.gc.collections", "{collection}", lambda: _collector("collections")),
        ("cpython.gc.collected_objects", "{object}", lambda: _collector("collected")),
        ("cpython.gc.uncollectable_objects", "{object}", lambda: _collector("uncollectable")),
    ]
    levels: list[tuple[str, str, _Read]] = [
        ("process.memory.usage", "By", lambda: _memory(1)),
        ("process.memory.virtual", "By", lambda: _memory(0)),
        ("process.thread.count", "{thread}", _threads),
        ("process.unix.file_descriptor.count", "{file_descriptor}", _files),
    ]
    for name, unit, read in counters:
        meter.create_observable_counter(name, [_asked(read)], unit)
    for name, unit, read in levels:
        meter.create_observable_up_down_counter(name, [_asked(read)], unit)
    meter.create_observable_gauge("process.uptime", [_asked(_uptime)], "s")


def _asked(read: _Read) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def call(_: CallbackOptions) -> Iterable[Observation]:
        try:
            return list(read())
        except (OSError, ValueError, IndexError, ImportError):  # not to be had here
            return ()

    return call


def _cpu() -> Iterator[Observation]:
    used = os.times()
    yield Observation(used.user, {"cpu.mode": "user"})
    yield Observation(used.system, {"cpu.mode": "system"})


def _switches() -> Iterator[Observation]:
    import resource  # noqa: PLC0415 - POSIX only

    used = resource.getrusage(resource.RUSAGE_SELF)
    yield Observation(used.ru_nvcsw, {"process.context_switch.type": "voluntary"})
    yield Observation(used.ru_nivcsw, {"process.context_switch.type": "involuntary"})


def _faults() -> Iterator[Observation]:
    import resource  # noqa: PLC0415 - as above

    used = resource.getrusage(resource.RUSAGE_SELF)
    yield Observation(used.ru_minflt, {"system.paging.fault.type": "minor"})
    yield Observation(used.ru_majflt, {"system.paging.fault.type": "major"})


def _collector(count: str) -> Iterator[Observation]:
    for generation, told in enumerate(gc.get_stats()):
        yield Observation(told[count], {"cpython.gc.generation": generation})


def _memory(field: int) -> Iterator[Observation]:
    """Read pages of proc(5), statm: 0 is all that is mapped, 1 what is resident."""
    pages = int((_PROC / "statm").read_text("ascii").split()[field])
    yield Observation(pages * os.sysconf("SC_PAGE_SIZE"))


def _threads() -> Iterator[Observation]:
    yield Observation(_status(20))


def _files() -> Iterator[Observation]:
    if sys.platform == "linux":
        yield Observation(len(os.listdir(_PROC / "fd")) - 1)  # noqa: PTH208 - names only; one is the listing's own


def _uptime() -> Iterator[Observation]:
    if sys.platform == "linux":
        began = _status(22) / os.sysconf("SC_CLK_TCK")
        yield Observation(time.clock_gettime(time.CLOCK_BOOTTIME) - began)


def _status(field: int) -> int:
    """Read a field of proc(5), stat. The second, a name, may hold spaces and brackets: it ends at the last of these."""
    after = (_PROC / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    return int(after[field - 3])

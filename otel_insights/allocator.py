"""The allocators of Python and of the C library, told what kind of process this is."""

from __future__ import annotations

import ctypes
import gc
import platform
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""Parameters of mallopt(3)."""
_LARGEST_KEPT: Final = 32 * 2**20
"""The largest that glibc takes for the threshold of mmap."""


def keep_large_blocks() -> None:
    """Let freed memory be used again for the next request instead of going back to the system in between.

    glibc gets a block above 128 KiB from the system and returns it when freed, and every request is such a block a few
    times over; clearing the new pages costs more than all that is done with them (docs/benchmarks.md). The price is
    that up to some tens of MiB stay resident after a burst. For our own server only, never in someone's application;
    nothing happens with another C library.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT)
    mallopt(_TRIM_THRESHOLD, _LARGEST_KEPT)


def collect_seldom() -> None:
    """Let Python look for cycles after 50,000 new objects instead of 700.

    A request of 8,192 log records makes tens of thousands of objects that live until it is answered and have no cycles;
    looking through them again and again takes a fifth of the time that such a request costs. For our own server only.
    """
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)

"""The C library's memory allocator, told what kind of process this is."""

from __future__ import annotations

import ctypes
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

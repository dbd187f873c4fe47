"""How many records one record stands for: those that were folded into it, and those that were not sampled."""

from __future__ import annotations

from typing import Final

_COUNTS: Final = range(1, 10**9)
"""Anything else is a mistake, and would drown every honest count."""


def stands_for(count: int = 1, rate: float = 1.0) -> int:
    """Weigh a record by its `log_count` and its `sampling.rate` (the share that was kept); 1 for what cannot be.

    >>> stands_for(), stands_for(12), stands_for(rate=0.05), stands_for(3, 0.5), stands_for(-1, 7.0)
    (1, 12, 20, 6, 1)
    """
    folded = count if count in _COUNTS else 1
    skipped = round(1 / rate) if 1 / len(_COUNTS) < rate <= 1 else 1
    return folded * skipped if folded * skipped in _COUNTS else 1

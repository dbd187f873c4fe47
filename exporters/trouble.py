"""When trouble with a next hop is worth a line in the log."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

QUIET: Final = 10.0
"""In seconds: no two lines are closer together, however often the next hop changes its mind."""


@dataclass(slots=True)
class Trouble:
    """One signal's trouble at one exporter: told when it begins, when it becomes another, and when it ends.

    What ends and begins again within QUIET was never over. `now` is any clock that only goes forward.
    """

    _told: str = ""
    _silent_until: float = -math.inf

    def is_news(self, kind: str, now: float) -> bool:
        """Take a failure, and tell whether to log it."""
        if kind == self._told or now < self._silent_until:
            return False
        self._told, self._silent_until = kind, now + QUIET
        return True

    def is_over(self, now: float) -> bool:
        """Take a success, and tell whether to log that the trouble is over."""
        if not self._told or now < self._silent_until:
            return False
        self._told, self._silent_until = "", now + QUIET
        return True

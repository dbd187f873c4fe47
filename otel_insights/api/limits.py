"""How often one client may ask: a bucket of tokens for each address, of which only so many are remembered."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

_MOST_CLIENTS = 10_000


@dataclass(slots=True)
class Rates:
    """Lets a client ask `per_second` times a second, and twice as many at once after a pause; 0 sets no limit."""

    per_second: float
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)
    """Of each client, how many requests it had left, and when that was. Who asked last stands last."""

    def wait(self, client: str, now: float) -> float:
        """Count a request, and tell how many seconds too early it is: 0 for one that may be answered.

        >>> rates = Rates(1)
        >>> [rates.wait("a", 0.0), rates.wait("a", 0.0), rates.wait("a", 0.5), rates.wait("a", 1.0)]
        [0.0, 0.0, 0.5, 0.0]
        """
        if not self.per_second:
            return 0.0
        most = 2 * self.per_second
        left, since = self._left.pop(client, (most, now))
        left = min(most, left + (now - since) * self.per_second)
        early = 0.0 if left >= 1 else (1 - left) / self.per_second
        self._left[client] = (left if early else left - 1, now)
        if len(self._left) > _MOST_CLIENTS:
            self._left.popitem(last=False)
        return early

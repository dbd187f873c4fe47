"""What is known of the lines of each service: one miner for each, recalled from the store and bounded in number."""

from __future__ import annotations

from dataclasses import dataclass, field

from otel_insights.analysis.line_patterns import LinePattern
from otel_insights.analysis.template import Kept
from otel_insights.analysis.templates import Miner
from otel_insights.store import Store, log_corrections
from otel_insights.store import templates as memory
from otel_insights.store.log_corrections import StoredPattern
from otel_insights.store.templates import Service

_BETWEEN_LOOKS = 256
_MOST_LINES = 400_000
"""At hand over all services; each takes some 250 bytes."""


@dataclass(slots=True)
class LogServices:
    """Owns the miners. The store has all that they know, committed with the requests that taught them."""

    store: Store
    max_templates: int
    max_services: int
    _patterns: list[StoredPattern] = field(default_factory=list)
    """What people have said is one kind of line."""
    _revision: int = -1
    """Of the corrections that are heeded."""
    _miners: dict[Service, Miner] = field(default_factory=dict)
    """The one heard of last comes last."""
    _unsaved: dict[tuple[Service, str], Kept] = field(default_factory=dict)
    """Changes whose commit failed."""

    _asked: int = 0

    async def miner(self, service: Service) -> Miner:
        """Give the miner of a service, from the store if need be; the one not heard of for longest makes room."""
        found = self._miners.pop(service, None)
        if found is None:
            known = await self.store.read(memory.known, *service, 2 * self.max_templates)
            # another request may have asked for it meanwhile
            found = self._miners.pop(service, None) or Miner.recall(
                "\0".join(service), known, patterns=self._patterns_of(service), most_templates=self.max_templates
            )
        self._miners[service] = found
        self._asked += 1
        if self._asked % _BETWEEN_LOOKS == 0:
            self._bound_lines()
        if len(self._miners) > self.max_services:
            self._make_room()
        return found

    def _patterns_of(self, service: Service) -> list[LinePattern]:
        return [one.pattern for one in self._patterns if not one.service or (one.namespace, one.service) == service]

    async def heed(self) -> None:
        """Read anew what people have corrected since the last time."""
        revision = await self.store.read(log_corrections.revision)
        if revision != self._revision:
            self._patterns = await self.store.read(log_corrections.patterns)
            self.forget(list(self._miners))
            self._revision = revision

    def _bound_lines(self) -> None:
        """Let the services not heard of for longest forget the lines that they have at hand, if these are very many."""
        lines = sum(miner.at_hand for miner in self._miners.values())
        for miner in self._miners.values():
            if lines <= _MOST_LINES:
                break
            lines -= miner.at_hand
            miner.let_go_of_lines()

    def _make_room(self) -> None:
        """Let go of a miner all of whose changes are on their way to the store."""
        for service, miner in self._miners.items():
            if not miner.has_changed:
                del self._miners[service]
                return

    def take_changes(self, miners: dict[Service, Miner]) -> list[tuple[Service, Kept]]:
        """Give what these miners have learnt, with what an earlier commit failed to keep."""
        found = [
            (service, one) for service, miner in miners.items() if miner.has_changed for one in miner.take_changes()
        ]
        if self._unsaved:
            unsaved, self._unsaved = self._unsaved, {}
            new = {(service, one.id) for service, one in found}
            found = [(service, one) for (service, id_), one in unsaved.items() if (service, id_) not in new] + found
        return found

    def put_back(self, changes: list[tuple[Service, Kept]]) -> None:
        """Note that changes were not committed."""
        self._unsaved = {(service, one.id): one for service, one in changes} | self._unsaved

    def forget(self, services: list[Service]) -> None:
        """Let the miners of services be recalled at their next line: what the store holds of them has changed."""
        for service in services:
            miner = self._miners.get(service)
            if miner is not None and not miner.has_changed:
                del self._miners[service]

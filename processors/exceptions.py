"""exceptions: finds exceptions in spans and logs, groups them, and stamps what passes with its group."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from pydantic import Field

from otel_insights import lives, semconv
from otel_insights.analysis.fingerprint import Fingerprint, fingerprint
from otel_insights.analysis.grouping import group
from otel_insights.analysis.succession import successors
from otel_insights.component import Accepted, Consume, Factory, Host, Kind, Processor, Settings
from otel_insights.looking import looked_at
from otel_insights.payload import Payload, Scalar, Signal
from otel_insights.raised import Found, Stamp, audit, find_in_logs, find_in_spans, stamp
from otel_insights.store import (
    cluster_services,
    corrections,
    folding,
    hours,
    newcomers,
    occurrences,
    rules,
    sightings,
)
from otel_insights.store import clusters as memory
from otel_insights.store.clusters import Membership
from otel_insights.store.observation import Observation
from otel_insights.store.recent import Recent
from otel_insights.store.sightings import News, Sighting
from otel_insights.units import Duration


class ExceptionsSettings(Settings):
    """How exceptions are told apart."""

    min_cluster_size: int = Field(default=4, ge=2)
    """Occurrences that make a dense region (HDBSCAN)."""
    own_modules: tuple[str, ...] = ()
    """Modules that are the application's own, beyond what is recognised."""
    library_modules: tuple[str, ...] = ()
    """Modules that are not, though they look like it."""
    retention: Duration = 14 * 86_400.0
    """How long single occurrences are kept; counts and examples stay."""
    resolve_after: Duration = 14 * 86_400.0
    """How long a cluster is silent until it counts as resolved; 0: only people resolve."""
    max_signatures: int = Field(default=50_000, ge=100)
    """Fingerprints of a namespace that are clustered; beyond, the least recently seen are folded away."""
    remembered: int = Field(default=8192, ge=1)
    """Stack traces whose fingerprint is kept at hand."""
    audit_every: int = Field(default=1000, ge=0)
    """One payload in so many is checked by a full parse; 0: none. What fails the check goes on as it came."""


_Key: TypeAlias = tuple[str, str]
"""A namespace, and a fingerprint in it."""
_MOST_STAMPS = 8192
_LITTLE = 64
"""Exceptions that are written in a millisecond or two."""


@dataclass(slots=True)
class Exceptions(Processor):
    """Owns which fingerprint is in which cluster; the store has the same, committed."""

    settings: ExceptionsSettings
    _members: dict[_Key, Membership] = field(default_factory=dict, init=False)
    _unseen: set[str] = field(default_factory=set, init=False)
    """Namespaces with fingerprints that no clustering has seen."""
    _newcomers: dict[_Key, Membership | None] = field(default_factory=dict, init=False)
    """Where the next clustering will probably put what none has seen."""
    _stamps: dict[_Key, Stamp] = field(default_factory=dict, init=False)
    """Of fingerprints that came since clusters changed last."""
    _recent: Recent = field(default_factory=Recent, init=False)
    _news: News = field(default_factory=News, init=False)
    _revision: int = field(default=0, init=False)
    """Of the corrections that are heeded."""
    _library: tuple[str, ...] = field(default=(), init=False)
    """Modules that people have called no part of the application."""
    _seen: int = field(default=0, init=False)
    """Payloads, for the audit."""
    _fingerprint: Callable[[str, str, str], Fingerprint] = field(init=False)

    async def start(self, host: Host) -> None:
        """Recall the clusters."""
        self.host = host
        self._members = await host.store.read(memory.memberships)
        self._unseen = set(await host.store.read(memory.namespaces))
        self._revision = await host.store.read(corrections.revision)
        self._tell_apart(await host.store.read(rules.library_modules))

    async def process(self, payload: Payload, forward: Consume) -> Accepted:
        """Commit the exceptions in a payload, stamp them, then forward."""
        if payload.signal is not Signal.METRICS:
            payload = await looked_at(self, payload, self._look)
        return await forward(payload)

    async def _look(self, payload: Payload) -> None:
        find = find_in_spans if payload.signal is Signal.TRACES else find_in_logs
        now_ns = self.host.now_ns()
        found, unread = find(payload, self.host.instance_id, self._fingerprint, now_ns)
        if unread:
            self.host.metrics.add("otel_insights_uninspected_items", unread, processor=str(self.id))
        before = payload.data
        if found:
            keys = await self._commit([one.observed for one in found], now_ns)
            await self._meet(found, keys)
            stamps = self._stamps
            stamp(
                payload, [(one, stamps.get(key) or self._stamp_of(key)) for one, key in zip(found, keys, strict=True)]
            )
        self._seen += 1
        if self.settings.audit_every and self._seen % self.settings.audit_every == 0:
            self._audit(before, payload, len(found))

    def _audit(self, before: bytes, payload: Payload, stamped: int) -> None:
        """Check a payload; one that is not as it should be is a bug of ours, and passes as it came."""
        self.host.metrics.add("otel_insights_audited_payloads", processor=str(self.id))
        if wrong := audit(before, payload, stamped, self.host.instance_id):
            self.host.metrics.add("otel_insights_audit_failures", processor=str(self.id))
            raise AssertionError(f"the audit by a full parse says: {wrong}")

    async def _commit(self, observed: Sequence[Observation], now_ns: int) -> list[_Key]:
        """Remember exceptions; tells the fingerprint of each one's raise (see `occurrences.record`)."""
        members, newcomers = self._members, self._newcomers
        keys = [(one.environment.namespace, one.fingerprint.id) for one in observed]
        new = {key for key in keys if key not in members and key not in newcomers}
        write = self.host.store.write_little if self._is_little(observed) else self.host.store.write
        ids = await write(occurrences.record, observed, now_ns, self._recent, new)
        return [key if key[1] == id_ else (key[0], id_) for key, id_ in zip(keys, ids, strict=True)]

    def _is_little(self, observed: Sequence[Observation]) -> bool:
        return len(observed) <= _LITTLE and not self._recent.is_full

    def _stamp_of(self, key: _Key) -> Stamp:
        """Make the stamp of a fingerprint, to hold until clusters change."""
        namespace, id_ = key
        member = self._members.get(key)
        if member is None:
            self._unseen.add(namespace)
            member = self._newcomers.get(key)
        attributes: dict[str, Scalar] = {semconv.FINGERPRINT: id_}
        if member:
            attributes |= {semconv.CLUSTER_ID: member.cluster_id, semconv.CLUSTER_PROBABILITY: member.probability}
        if len(self._stamps) >= _MOST_STAMPS:
            self._stamps.clear()
        self._stamps[key] = made = Stamp.of(attributes)
        return made

    async def _meet(self, found: Sequence[Found], keys: Sequence[_Key]) -> None:
        """Note in which versions failures were met, and find clusters for those that no clustering has seen."""
        news: list[Sighting] = []
        for (*_, version, observed), (namespace, id_) in zip(found, keys, strict=True):
            service, time_ns = observed.environment.service, observed.time_ns
            if version and not self._news.is_old(namespace, id_, service, version, time_ns):
                news.append(Sighting(namespace, id_, service, version, time_ns))
        if news:
            await self.host.store.write_little(sightings.remember, news)
            self._news.written(news)
        if new := {key for key in keys if key not in self._members and key not in self._newcomers}:
            self._newcomers.update(await self.host.store.read(newcomers.place, new))

    async def analyse(self) -> None:
        """Cluster the namespaces in which something new was seen, look at clusters, let go of what is past its time."""
        while await self.host.store.write(hours.tally, self.host.now_ns()):
            pass
        await self._heed()
        unseen, self._unseen = self._unseen, set()
        for namespace in sorted(unseen):
            try:
                while not await self._cluster(namespace):
                    await self._heed()
            except BaseException:
                self._unseen.add(namespace)
                raise
        while await self.host.store.write(cluster_services.add_up):
            pass
        now, quiet = self.host.now_ns(), int(self.settings.resolve_after * 1e9)
        after: str | None = ""
        while after is not None:
            after = await self.host.store.write(lives.look, now, quiet, after)
        past = self.host.now_ns() - int(self.settings.retention * 1e9)
        while await self.host.store.write(hours.forget_before, past, self.host.now_ns()) == occurrences.MOST_FORGOTTEN:
            pass

    async def _heed(self) -> None:
        """Read anew what people have corrected since the last time."""
        revision = await self.host.store.read(corrections.revision)
        if revision == self._revision:
            return
        self._members = await self.host.store.read(memory.memberships)
        self._unseen.update(await self.host.store.read(memory.namespaces))
        library = await self.host.store.read(rules.library_modules)
        if library != self._library:
            await self._follow(library)
            self._tell_apart(library)
        self._newcomers.clear()
        self._stamps.clear()
        self._revision = revision

    async def _follow(self, library: Sequence[str]) -> None:
        """Let fingerprints that are new only since people said what is not in-app stay in the clusters of the old."""
        own, theirs = self.settings.own_modules, (*self.settings.library_modules, *library)
        after = ("", "")
        while examples := await self.host.store.read(memory.known_examples, after):
            after = examples[-1][:2]
            heirs = await self.host.worker.run(successors, examples, own, theirs)
            await self.host.store.write(memory.inherit, heirs)

    def _tell_apart(self, library: tuple[str, ...]) -> None:
        self._library = library
        own, theirs = self.settings.own_modules, (*self.settings.library_modules, *library)
        self._fingerprint = lru_cache(self.settings.remembered)(
            lambda type_, message, stack: fingerprint(type_, message, stack, own=own, library=theirs)
        )

    async def _cluster(self, namespace: str) -> bool:
        """Cluster a namespace; False when people have corrected something meanwhile, so that nothing was changed."""
        revision = self._revision
        await self.host.store.write(rules.apply, namespace)
        signatures = await self.host.store.read(memory.signatures, namespace)
        taken = await self.host.store.read(memory.folded_away, namespace)
        began = time.perf_counter()
        grouping = await self.host.worker.run(group, namespace, signatures, self.settings.min_cluster_size, taken)
        self.host.metrics.set("otel_insights_clustering_duration_seconds", time.perf_counter() - began)
        if not await self.host.store.write(lives.settle, namespace, grouping, revision, self.host.now_ns()):
            return False
        self._members.update({(namespace, one): Membership(*member) for one, member in grouping.members.items()})
        for one in await self.host.store.write(folding.fold, namespace, self.settings.max_signatures):
            self._members.pop((namespace, one), None)
        self._newcomers = {key: member for key, member in self._newcomers.items() if key[0] != namespace}
        self._stamps.clear()
        return True


FACTORY = Factory(Kind.PROCESSOR, "exceptions", ExceptionsSettings, Exceptions, frozenset({"traces", "logs"}))

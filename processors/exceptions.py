"""exceptions: finds exceptions in spans and logs, groups them, and stamps what passes with its group."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from pydantic import Field

from otel_insights import semconv
from otel_insights.analysis.fingerprint import Fingerprint, fingerprint
from otel_insights.analysis.grouping import Grouping, group
from otel_insights.component import Accepted, Consume, Factory, Host, Kind, Processor, Settings
from otel_insights.findings import finding
from otel_insights.looking import looked_at
from otel_insights.payload import Payload, Scalar, Signal
from otel_insights.raised import Found, audit, find_in_logs, find_in_spans, stamp
from otel_insights.store import clusters as memory
from otel_insights.store import occurrences
from otel_insights.store.clusters import Membership
from otel_insights.store.occurrences import Observation
from otel_insights.store.outbox import Finding
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
    remembered: int = Field(default=8192, ge=1)
    """Stack traces whose fingerprint is kept at hand."""
    audit_every: int = Field(default=1000, ge=0)
    """One payload in so many is checked by a full parse; 0: none. What fails the check goes on as it came."""


@dataclass(slots=True)
class Exceptions(Processor):
    """Owns which fingerprint is in which cluster; the store has the same, committed."""

    settings: ExceptionsSettings
    _members: dict[tuple[str, str], Membership] = field(default_factory=dict, init=False)
    _unseen: set[str] = field(default_factory=set, init=False)
    """Namespaces with fingerprints that no clustering has seen."""
    _seen: int = field(default=0, init=False)
    """Payloads, for the audit."""
    _fingerprint: Callable[[str, str, str], Fingerprint] = field(init=False)

    async def start(self, host: Host) -> None:
        """Recall the clusters."""
        self.host = host
        self._members = await host.store.read(memory.memberships)
        self._unseen = set(await host.store.read(memory.namespaces))
        own, library = self.settings.own_modules, self.settings.library_modules
        self._fingerprint = lru_cache(self.settings.remembered)(
            lambda type_, message, stack: fingerprint(type_, message, stack, own=own, library=library)
        )

    async def process(self, payload: Payload, forward: Consume) -> Accepted:
        """Commit the exceptions in a payload, stamp them, then forward."""
        if payload.signal is not Signal.METRICS:
            payload = await looked_at(self, payload, self._look)
        return await forward(payload)

    async def _look(self, payload: Payload) -> None:
        find = find_in_spans if payload.signal is Signal.TRACES else find_in_logs
        found, unread = find(payload, self.host.instance_id)
        if unread:
            self.host.metrics.add("otel_insights_uninspected_items", unread, processor=str(self.id))
        before = payload.data
        if found:
            ids = await self._commit(found)
            stamp(payload, [(one, self._stamps(one, id_)) for one, id_ in zip(found, ids, strict=True)])
        self._seen += 1
        if self.settings.audit_every and self._seen % self.settings.audit_every == 0:
            self._audit(before, payload, len(found))

    def _audit(self, before: bytes, payload: Payload, stamped: int) -> None:
        """Check a payload; one that is not as it should be is a bug of ours, and passes as it came."""
        self.host.metrics.add("otel_insights_audited_payloads", processor=str(self.id))
        if wrong := audit(before, payload, stamped, self.host.instance_id):
            self.host.metrics.add("otel_insights_audit_failures", processor=str(self.id))
            raise AssertionError(f"the audit by a full parse says: {wrong}")

    async def _commit(self, found: Sequence[Found]) -> list[str]:
        """Remember exceptions; the store tells the fingerprint of each one's raise (see `occurrences.record`)."""
        observed = [
            Observation(
                key=one.key,
                environment=one.sender.key,
                fingerprint=self._fingerprint(one.type, one.message, one.stacktrace),
                message=one.message,
                stacktrace=one.stacktrace,
                trace_id=one.trace_id,
                span_id=one.span_id,
                time_ns=one.time_ns or self.host.now_ns(),
                weight=one.weight,
            )
            for one in found
        ]
        return await self.host.store.write(occurrences.record, observed, self.host.now_ns())

    def _stamps(self, found: Found, id_: str) -> Mapping[str, Scalar]:
        namespace = found.sender.key.namespace
        member = self._members.get((namespace, id_))
        if member is None:
            self._unseen.add(namespace)
            return {semconv.FINGERPRINT: id_}
        return {
            semconv.FINGERPRINT: id_,
            semconv.CLUSTER_ID: member.cluster_id,
            semconv.CLUSTER_PROBABILITY: member.probability,
        }

    async def analyse(self) -> None:
        """Cluster the namespaces in which something new was seen, and let go of what is past its time."""
        unseen, self._unseen = self._unseen, set()
        for namespace in sorted(unseen):
            try:
                await self._cluster(namespace)
            except BaseException:
                self._unseen.add(namespace)
                raise
        past = self.host.now_ns() - int(self.settings.retention * 1e9)
        while await self.host.store.write(occurrences.forget_before, past) == occurrences.MOST_FORGOTTEN:
            pass

    async def _cluster(self, namespace: str) -> None:
        signatures = await self.host.store.read(memory.signatures, namespace)
        began = time.perf_counter()
        grouping = await self.host.worker.run(group, namespace, signatures, self.settings.min_cluster_size)
        self.host.metrics.set("otel_insights_clustering_duration_seconds", time.perf_counter() - began)
        members = {one: Membership(*grouping.members[one]) for one in grouping.members}
        findings = await self._findings(namespace, grouping)
        await self.host.store.write(
            memory.save, namespace, members, grouping.created, grouping.merged, findings, self.host.now_ns()
        )
        self._members.update({(namespace, one): member for one, member in members.items()})

    async def _findings(self, namespace: str, grouping: Grouping) -> list[Finding]:
        """Report what came into being and what went into something else."""
        found: list[Finding] = []
        for new in grouping.created:
            seen = await self.host.store.read(memory.exemplar, namespace, new.fingerprint)
            found.append(
                finding(
                    semconv.CLUSTER_CREATED,
                    new.id,
                    f"New in {seen.service or 'an unnamed service'}: {new.title}",
                    {
                        semconv.CLUSTER_ID: new.id,
                        semconv.CLUSTER_TITLE: new.title,
                        semconv.EXCEPTION_TYPE: new.exception_type,
                        semconv.FINGERPRINT: new.fingerprint,
                        semconv.SUBJECT_NAMESPACE: namespace,
                        semconv.SUBJECT_NAME: seen.service,
                    },
                    time_ns=seen.time_ns,
                    severity="ERROR",
                    trace_id=seen.trace_id,
                    span_id=seen.span_id,
                )
            )
        for old, surviving in grouping.merged.items():
            found.append(
                finding(
                    semconv.CLUSTER_MERGED,
                    f"{old} {surviving}",
                    f"Cluster {old} turned out to be part of {surviving}",
                    {semconv.CLUSTER_ID: old, semconv.CLUSTER_SURVIVOR: surviving},
                    time_ns=self.host.now_ns(),
                    severity="INFO",
                )
            )
        return found


FACTORY = Factory(Kind.PROCESSOR, "exceptions", ExceptionsSettings, Exceptions, frozenset({"traces", "logs"}))

"""logs: finds what log lines have in common, stamps them with it, counts, and tells of lines never seen before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import stringzilla
from google.protobuf.message import DecodeError
from pydantic import Field

from otel_insights import environment, log_changes, log_news
from otel_insights.analysis.bodies import sentence_of
from otel_insights.analysis.template import Match, Template, live
from otel_insights.analysis.templates import Miner
from otel_insights.component import Accepted, Consume, Factory, Host, Kind, Processor, Settings
from otel_insights.looking import looked_at
from otel_insights.otlp_redaction import RequestRedactor
from otel_insights.payload import Payload, Signal
from otel_insights.processors import log_lines
from otel_insights.processors.log_lines import LogLine
from otel_insights.processors.log_services import LogServices
from otel_insights.redaction import Redactor
from otel_insights.store import log_keys, redacted, template_states, windows
from otel_insights.store import templates as memory
from otel_insights.store.templates import EXAMPLES, HOUR_NS, Counted, Example, Place, Record, Request, Service
from otel_insights.units import ByteSize, Duration

_LONGEST_EXAMPLE = 1024
_MOST_STAMPS = 20_000
_64_BITS = 2**64 - 1
_BETWEEN_LOOKS_NS = 60 * 10**9
_ODD = 0x9E3779B97F4A7C15


class LogsSettings(Settings):
    """How much is remembered of log lines."""

    max_templates: int = Field(default=10_000, ge=16)
    """Templates of one service that are at hand."""
    max_services: int = Field(default=1000, ge=1)
    """Services whose templates are at hand."""
    max_kept: int = Field(default=20_000, ge=16)
    """Templates that are remembered with their counts."""
    most_announced: int = Field(default=200, ge=0)
    """New templates that are told after one analysis."""
    parameters: bool = False
    """Whether records also get what stands in the places of their template."""
    repeats_within: Duration = 3600.0
    """How long a record is known, so that it counts once however often it comes."""
    max_known: int = Field(default=2_000_000, ge=1000)
    """Records that are known at least, if so many come within that time."""
    window_bytes: ByteSize = 64 * 2**20
    """How much of the latest requests is kept, to be looked at; 0: nothing."""
    window_age: Duration = 7 * 86_400.0
    """How long it is kept at most."""


@dataclass(slots=True)
class _Found:
    """What one request holds."""

    lines: list[tuple[LogLine, Template]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    counted: dict[Place, Counted] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)


@dataclass(slots=True)
class Logs(Processor):
    """Learns the templates of every service; the store has all that it knows, committed with each request.

    Severities share their templates: the same sentence as a warning and as an error is one, counted under each.
    """

    settings: LogsSettings
    _services: LogServices = field(init=False)
    _stamps: dict[str, tuple[str, bytes, bytes]] = field(default_factory=dict, init=False)
    """By template: its text, and that serialised with its id; the id alone."""
    _exemplified: dict[str, int] = field(default_factory=dict, init=False)
    """How many examples of a template are committed, or on their way."""
    _looked_ns: int = field(default=-_BETWEEN_LOOKS_NS, init=False)
    """When it was last asked which templates surge or have vanished."""
    _secrets: Redactor = field(default_factory=lambda: Redactor(rules=("secrets", "cards")), init=False)
    _cleaned: RequestRedactor = field(init=False)
    """For what is kept of requests; hosts and the like are values of a template anyway."""

    async def start(self, host: Host) -> None:
        """Recall what people have said."""
        self.host = host
        self._services = LogServices(host.store, self.settings.max_templates, self.settings.max_services)
        await self._services.heed()
        self._cleaned = RequestRedactor(await host.store.read(redacted.redactor))

    async def process(self, payload: Payload, forward: Consume) -> Accepted:
        """Commit what a payload says of templates, stamp its records, then forward."""
        payload = await looked_at(self, payload, self._look)
        return await forward(payload)

    async def _look(self, payload: Payload) -> None:
        services = self._of_resources(payload)
        miners = {service: await self._services.miner(service) for service in dict.fromkeys(services.values())}
        if not miners:
            return
        lines = self._read(payload, services, miners)
        if not lines:
            return
        if payload.replay:
            self._stamp(payload, lines)
            return
        found = self._count(lines)
        changed = self._services.take_changes(miners)
        self._stamp(payload, lines)
        window = self.settings.window_bytes
        data = self._cleaned.request(Signal.LOGS, payload.data) if payload.size <= window else b""
        request = Request(found.records, found.counted, changed, found.examples, data, window)
        try:
            await self.host.store.write(memory.record, request, self.host.now_ns())
        except BaseException:
            self._services.put_back(changed)
            for one in found.examples:
                self._exemplified.pop(one.template_id, None)
            raise

    def _of_resources(self, payload: Payload) -> dict[bytes, Service]:
        """Tell the services of a request's resources; those that are ours, or do not parse, are left out."""
        services: dict[bytes, Service] = {}
        unread = 0
        for part in payload.resources():
            if part.items == 0 or part.resource in services:
                continue
            sender = environment.read(part.resource)
            if sender is None:
                unread += part.items
            elif sender.key.instance != self.host.instance_id:
                services[part.resource] = (sender.key.namespace, sender.key.service)
        self._note_unread(unread)
        return services

    def _note_unread(self, count: int) -> None:
        if count:
            self.host.metrics.add("otel_insights_uninspected_items", count, processor=str(self.id))

    def _read(
        self, payload: Payload, services: dict[bytes, Service], miners: dict[Service, Miner]
    ) -> list[tuple[LogLine, Template]]:
        """Read the records of these services, and find their templates."""
        found: list[tuple[LogLine, Template]] = []
        signs = log_lines.signs(payload.data)
        unread = 0
        for item in payload.items():
            service = services.get(item.resource)
            if service is None:
                continue
            try:
                line = log_lines.read(item, signs)
            except DecodeError:
                unread += 1
                continue
            if line is None:
                continue
            if self._cleaned.text(line.text) != line.text:
                line.text = self._secrets.text(line.text)
            if line.known:
                line.known = self._secrets.text(line.known)
            if line.site:
                line.site = self._cleaned.text(line.site)
            template = _template(miners[service], line, replay=payload.replay)
            if template is not None:
                found.append((line, template))
        self._note_unread(unread)
        return found

    def _count(self, lines: Sequence[tuple[LogLine, Template]]) -> _Found:
        """Sum up what a request holds; ids are those that templates have once all of it is read."""
        found = _Found()
        counted, records, exemplified = found.counted, found.records, self._exemplified
        now = self.host.now_ns()
        salts: dict[bytes, int] = {}
        digests: dict[int, int] = {}
        for line, template in lines:
            id_ = template.id if template.into is None else live(template).id
            resource, time = line.item.resource, line.time_ns
            salt = salts.get(resource)
            if salt is None:
                salt = salts[resource] = int(stringzilla.hash(resource)) * _ODD & _64_BITS
            digest = log_lines.digest(line) ^ salt
            if digest in digests:  # equal in all, and sent side by side: each counts
                digests[digest] += 1
                digest = digest + digests[digest] * _ODD & _64_BITS
            else:
                digests[digest] = 0
            key = log_keys.key_of(digest, time)
            if not 0 < time < now:
                time = now
            place = (id_, line.severity, time // HOUR_NS)
            sums = counted.get(place)
            if sums is None:
                sums = counted[place] = Counted(0.0, time, time)
            sums.weight += line.weight
            if time < sums.first_ns:
                sums.first_ns = time
            elif time > sums.last_ns:
                sums.last_ns = time
            records.append((key, place, time, line.weight))
            if exemplified.get(id_, 0) < EXAMPLES:
                exemplified[id_] = exemplified.get(id_, 0) + 1
                found.examples.append(_example(id_, line, self._cleaned.text(line.text), time))
        return found

    def _stamp(self, payload: Payload, lines: Sequence[tuple[LogLine, Template]]) -> None:
        if not log_lines.may_be_stamped(payload.data):
            payload.extend([(line.item, self._stamp_of(line, one)) for line, one in lines])
            return
        payload.replace(
            (line.item, log_lines.without_stamps(line) + self._stamp_of(line, template)) for line, template in lines
        )

    def _stamp_of(self, line: LogLine, template: Template) -> bytes:
        if template.into is not None:
            template = live(template)
        kept = self._stamps.get(template.id)
        if kept is None or kept[0] != template.text:
            if len(self._stamps) >= _MOST_STAMPS:
                self._stamps.clear()
            kept = self._stamps[template.id] = (template.text, *log_lines.stamp_of(template.id, template.text))
        stamp = kept[2] if line.has_template else kept[1]
        if self.settings.parameters:
            match = Match(template.id, template.text, line=sentence_of(line.text))
            stamp += log_lines.parameters(match.parameters)
        return stamp

    async def analyse(self) -> None:
        """Heed corrections, tell of new templates, and let go of what is past its time."""
        store, now = self.host.store, self.host.now_ns()
        await self._services.heed()
        await store.write(memory.fold)
        await store.write(log_keys.turn, now, int(self.settings.repeats_within * 1e9), self.settings.max_known)
        left = self.settings.most_announced
        while news := await store.write(log_news.announce, left):
            for service, many in news.by_service.items():
                self.host.metrics.add("telemetry_log_clusters", many, service=service)
            if news.untold:
                self.host.metrics.add("otel_insights_unannounced_templates", news.untold, processor=str(self.id))
            left -= news.told
        await self._tell_changes(now)
        while await store.write(windows.LOGS.forget_before, now - int(self.settings.window_age * 1e9)):
            pass
        self._services.forget(await store.write(memory.forget, now, self.settings.max_kept))
        if len(self._exemplified) > 2 * self.settings.max_kept:
            self._exemplified.clear()

    async def _tell_changes(self, now: int) -> None:
        """Tell which templates surge and which have vanished; asked seldom, since all of their hours are read."""
        if now - self._looked_ns < _BETWEEN_LOOKS_NS:
            return
        self._looked_ns = now
        found = await self.host.store.read(log_changes.look, self.settings.most_announced)
        if found.states:
            await self.host.store.write(template_states.tell, found.states, found.findings)
        if found.untold:
            self.host.metrics.add("otel_insights_unannounced_templates", found.untold, processor=str(self.id))


def _template(miner: Miner, line: LogLine, *, replay: bool) -> Template | None:
    if replay and (found := miner.template_of(line.text, line.site, line.known, learn=False)) is not None:
        return found
    template = miner.template_of(line.text, line.site, line.known)
    if template is not None:
        template.hits += line.weight
    return template


def _example(id_: str, line: LogLine, text: str, time_ns: int) -> Example:
    record = line.record
    trace_id, span_id = record.trace_id, record.span_id
    return Example(
        id_,
        text[:_LONGEST_EXAMPLE],
        line.severity,
        time_ns,
        trace_id if any(trace_id) else b"",
        span_id if any(span_id) else b"",
    )


FACTORY = Factory(Kind.PROCESSOR, "logs", LogsSettings, Logs, frozenset({"logs"}))

"""environments: remembers who sends, with which configuration and packages, and how much work was done there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from pydantic import Field

from otel_insights import environment, semconv
from otel_insights.analysis.conditions import normalise_package
from otel_insights.component import Accepted, Consume, Factory, Kind, Processor, Settings
from otel_insights.feature_flags import FeatureFlags
from otel_insights.looking import looked_at
from otel_insights.payload import PACKAGE_INFO, Item, Payload, Signal
from otel_insights.store import configuration_changes
from otel_insights.store import environments as memory
from otel_insights.store.environments import Announced, EnvironmentKey
from otel_insights.weights import stands_for

_LOG_COUNT = semconv.LOG_COUNT.encode()
_SAMPLING_RATE = semconv.SAMPLING_RATE.encode()
_CHANGES_KEPT_NS = 30 * 86_400 * 10**9


class EnvironmentsSettings(Settings):
    """Which environments are remembered."""

    max_tracked: int = Field(default=50_000, ge=1)
    """Environments whose last announcement is kept in memory; one beyond that is written again when it speaks."""


@dataclass(slots=True)
class Environments(Processor):
    """Learns from resources, `package.info` and `feature_flag.evaluation` events, and from how much comes."""

    settings: EnvironmentsSettings
    _told: dict[EnvironmentKey, set[int]] = field(default_factory=dict, init=False)
    _flags: FeatureFlags = field(init=False)
    _work: defaultdict[EnvironmentKey, float] = field(default_factory=lambda: defaultdict(float), init=False)

    def __post_init__(self) -> None:
        """Begin with no flag known."""
        self._flags = FeatureFlags(self.settings.max_tracked)

    async def process(self, payload: Payload, forward: Consume) -> Accepted:
        """Commit what is new about environments, then forward."""
        if not payload.replay:
            payload = await looked_at(self, payload, self._look)
        return await forward(payload)

    async def _look(self, payload: Payload) -> None:
        announced = self._resources(payload)
        if payload.signal is Signal.LOGS:
            announced += self._packages(payload)
        if announced:
            taken_back = await self.host.store.write(memory.announce, announced)
            for told, anew in zip(announced, taken_back, strict=True):
                self._remember(told, anew=anew)
        if payload.signal is Signal.LOGS and (switched := self._flags.news(payload, self.host.now_ns())):
            await self.host.store.write(memory.announce, switched)
            for told in switched:
                self._flags.remember(told)

    async def analyse(self) -> None:
        """Commit the work that was counted since: what a killed process loses of it is some warmth and no finding."""
        if self._work:
            work, self._work = self._work, defaultdict(float)
            await self.host.store.write(memory.expose, dict(work), self.host.now_ns())
        await self.host.store.write(memory.drop_unused_configurations)
        await self.host.store.write(configuration_changes.forget_before, self.host.now_ns() - _CHANGES_KEPT_NS)

    async def stop(self) -> None:
        """Commit what is counted."""
        await self.analyse()

    def _resources(self, payload: Payload) -> list[Announced]:
        """Count the work in a payload, and find the configurations in it that have not been remembered."""
        counts = payload.signal is not Signal.METRICS
        new: list[Announced] = []
        for part in payload.resources():
            sender = environment.read(part.resource)
            if sender is None or sender.key.instance == self.host.instance_id:
                continue
            if counts:
                self._work[sender.key] += part.items
            told = Announced(sender.key, sender.configuration, self.host.now_ns())
            if not self._is_remembered(told):
                new.append(told)
        if payload.signal is Signal.LOGS:
            self._weigh(payload)
        return new

    def _weigh(self, payload: Payload) -> None:
        """Add what records stand for beyond themselves (`log_count`, `sampling.rate`)."""
        sampled = [item for item in payload.search(_SAMPLING_RATE) if _LOG_COUNT not in item.data]
        for item in (*payload.search(_LOG_COUNT), *sampled):
            record = _record(item)
            sender = environment.read(item.resource)
            if record is None or sender is None:
                continue
            values = {one.key: one.value for one in record.attributes}
            count, rate = values.get(semconv.LOG_COUNT), values.get(semconv.SAMPLING_RATE)
            self._work[sender.key] += (
                stands_for(count.int_value if count else 1, rate.double_value if rate else 1.0) - 1
            )

    def _packages(self, payload: Payload) -> list[Announced]:
        """Read `package.info` events; they are announcements, and count for no work."""
        packages: dict[EnvironmentKey, dict[str, str]] = {}
        for item in payload.search(PACKAGE_INFO):
            sender = environment.read(item.resource)
            record = _record(item)
            if sender is None or record is None or record.event_name != semconv.PACKAGE_INFO_EVENT:
                continue
            values = environment.text_of(record.attributes)
            name, version = values.get(semconv.PACKAGE_NAME), values.get(semconv.PACKAGE_VERSION, "")
            if name:
                packages.setdefault(sender.key, {})[f"package.{normalise_package(name)}"] = version
                self._work[sender.key] -= 1
        now = self.host.now_ns()
        announced = [Announced(key, values, now) for key, values in packages.items()]
        return [told for told in announced if not self._is_remembered(told)]

    def _is_remembered(self, told: Announced) -> bool:
        return _digest(told.configuration) in self._told.get(told.key, ())

    def _remember(self, told: Announced, *, anew: bool) -> None:
        """Note an announcement that is committed; the least recently new environment makes room.

        One that took back what was said before makes all of that news, should it be said again (a rollback).
        """
        known = self._told.pop(told.key, set())
        if anew or len(known) >= _MOST_ANNOUNCEMENTS:
            known.clear()
        known.add(_digest(told.configuration))
        self._told[told.key] = known
        if len(self._told) > self.settings.max_tracked:
            del self._told[next(iter(self._told))]


_MOST_ANNOUNCEMENTS = 16
"""Different announcements of one environment that are told apart: resources of its SDKs, and package lists in parts."""


def _digest(configuration: Mapping[str, str]) -> int:
    return hash(frozenset(configuration.items()))


def _record(item: Item) -> LogRecord | None:
    try:
        return LogRecord.FromString(item.data)
    except DecodeError:
        return None


FACTORY = Factory(
    Kind.PROCESSOR, "environments", EnvironmentsSettings, Environments, frozenset({"traces", "logs", "metrics"})
)

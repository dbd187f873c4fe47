"""Which features are switched on where, as `feature_flag.evaluation` events (semantic conventions) tell it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from otel_insights import environment, semconv
from otel_insights.payload import FEATURE_FLAG, Payload
from otel_insights.store.environments import Announced, EnvironmentKey

VARIES: Final = "varies"
"""Stands for the value of a flag that is decided anew for each user or request: it is no state of an environment."""
_MOST_CHANGES, _WITHIN_NS = 10, 3600 * 10**9
"""A flag whose value changes more often than people throw switches."""
_MOST_FLAGS = 200
_LONGEST_NAME = 256


@dataclass(slots=True)
class _Flag:
    value: str
    since_ns: int
    changes: int = 0


@dataclass(slots=True)
class FeatureFlags:
    """Remembers the last value of each flag in each environment, to tell what is new.

    200 flags an environment are known; the environment that was the first to be heard of makes room for another one.
    """

    max_tracked: int
    _known: dict[EnvironmentKey, dict[str, _Flag]] = field(default_factory=dict, init=False)

    def news(self, payload: Payload, now_ns: int) -> list[Announced]:
        """Find flags that have another value than before, each as `feature_flag.<key>`. Nothing is remembered yet."""
        found: dict[EnvironmentKey, dict[str, str]] = {}
        for key, name, value in _evaluations(payload):
            flags, told = self._known.get(key, {}), found.setdefault(key, {})
            if name in flags or len(flags.keys() | told.keys()) < _MOST_FLAGS:
                told[name] = self._settled(flags.get(name), value, now_ns)
        news = {
            key: {name: value for name, value in told.items() if not self._is_known(key, name, value)}
            for key, told in found.items()
        }
        return [Announced(key, told, now_ns) for key, told in news.items() if told]

    def remember(self, told: Announced) -> None:
        """Note what is committed."""
        flags = self._known.setdefault(told.key, {})
        for name, value in told.configuration.items():
            flag = flags.get(name)
            if flag is None or told.time_ns - flag.since_ns > _WITHIN_NS:
                flags[name] = _Flag(value, told.time_ns)
            else:
                flag.value, flag.changes = value, flag.changes + 1
        if len(self._known) > self.max_tracked:
            del self._known[next(iter(self._known))]

    def _is_known(self, key: EnvironmentKey, name: str, value: str) -> bool:
        flag = self._known.get(key, {}).get(name)
        return flag is not None and flag.value == value

    @staticmethod
    def _settled(flag: _Flag | None, value: str, now_ns: int) -> str:
        restless = flag is not None and flag.changes >= _MOST_CHANGES and now_ns - flag.since_ns <= _WITHIN_NS
        return VARIES if restless else value


def _evaluations(payload: Payload) -> Iterator[tuple[EnvironmentKey, str, str]]:
    for item in payload.search(FEATURE_FLAG):
        sender = environment.read(item.resource)
        try:
            record = LogRecord.FromString(item.data)
        except DecodeError:
            continue
        if sender is None or record.event_name != semconv.FEATURE_FLAG_EVENT:
            continue
        told = environment.text_of(record.attributes)
        name = told.get(semconv.FEATURE_FLAG_KEY, "")
        value = told.get(semconv.FEATURE_FLAG_VALUE) or told.get(semconv.FEATURE_FLAG_VARIANT, "")
        if name and value:
            yield sender.key, f"feature_flag.{name[:_LONGEST_NAME]}", value

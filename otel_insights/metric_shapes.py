"""Types and units of metrics: one that comes with another type or unit is another metric, and that is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope

from otel_insights import environment, semconv
from otel_insights.analysis.streams import SeriesKey
from otel_insights.findings import finding
from otel_insights.store.outbox import Finding


class Changed(NamedTuple):
    """A metric of a service with its types and units, as `histogram s`."""

    namespace: str
    service: str
    metric: str
    before: str
    after: str


@dataclass(slots=True)
class Shapes:
    """Remembers the types and units of each metric of a service, so that each change is told once."""

    most: int
    """Metrics that are remembered; then it begins anew."""
    _known: dict[tuple[str, str, bytes, bytes], list[str]] = field(default_factory=dict)

    def news(self, key: SeriesKey) -> Changed | None:
        """Take a series' type and unit, and tell whether they are new to a metric that had others."""
        sender = environment.read(key[0])
        whose = (sender.key.namespace, sender.key.service) if sender else ("", "")
        if len(self._known) >= self.most:
            self._known.clear()
        known = self._known.setdefault((*whose, lasting_scope(key[1]), key[2]), [])
        if key[5] in known:
            return None
        known.append(key[5])
        return Changed(*whose, key[2].decode(errors="replace"), known[-2], key[5]) if len(known) > 1 else None


@lru_cache(maxsize=4096)
def lasting_scope(scope: bytes) -> bytes:
    """Give a serialised InstrumentationScope without its version."""
    try:
        read = InstrumentationScope.FromString(scope)
    except DecodeError:
        return scope
    read.ClearField("version")
    return bytes(read.SerializeToString(deterministic=True))


def told(one: Changed, now_ns: int) -> Finding:
    """Make the log event that says that a metric is another one now, whose series are learnt anew."""
    whose = f" of {one.service}" if one.service else ""
    return finding(
        semconv.METRIC_CHANGED,
        "\0".join((*one, str(now_ns))),
        f"{one.metric}{whose} was a {one.before} and is a {one.after}: its series begin anew",
        {
            semconv.ANOMALY_METRIC: one.metric,
            semconv.METRIC_BEFORE: one.before,
            semconv.METRIC_AFTER: one.after,
            semconv.SUBJECT_NAMESPACE: one.namespace,
            semconv.SUBJECT_NAME: one.service,
        },
        time_ns=now_ns,
        severity="INFO",
    )

"""anomalies: scores metric points as they pass, and tells when a series does what is not expected of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Literal

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar
from pydantic import BaseModel, ConfigDict, Field, model_validator

from otel_insights import anomaly_news, environment, exemplars, metric_points, metric_shapes, score_telemetry, semconv
from otel_insights.analysis.lines import DETECTOR, Line
from otel_insights.analysis.models import MODELS
from otel_insights.analysis.series import SeriesKey
from otel_insights.component import Accepted, Consume, Factory, Host, Kind, Processor, Settings
from otel_insights.errors import BadData
from otel_insights.looking import looked_at
from otel_insights.metric_window import Collecting
from otel_insights.payload import Payload, Signal
from otel_insights.redaction import Redactor
from otel_insights.scoring import Limits, Scored, Scoring
from otel_insights.store import anomalies as memory
from otel_insights.store import metric_series, redacted, windows
from otel_insights.store.anomalies import Anomaly
from otel_insights.store.environments import EnvironmentKey
from otel_insights.units import ByteSize, Duration


class Rule(BaseModel):
    """Which series a limit is for, and what is no anomaly of them. Patterns are those of file names (`http.*`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str = "*"
    service: str = "*"
    direction: Literal["both", "up", "down"] = "both"
    """Which way a deviation is to go."""
    min_absolute: float = Field(default=0.0, ge=0)
    """The least deviation from what is expected, in the metric's unit (a second, for sums)."""
    min_relative: float = Field(default=0.0, ge=0)
    """The least deviation as a share of what is expected."""
    factor: float = Field(default=1.0, gt=0)
    """Multiplies the threshold: above 1 for fewer anomalies."""
    ignore: bool = False
    """Whether these series are not scored at all."""


class Threshold(BaseModel):
    """A line that a series may not be beyond for longer than a time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str
    service: str = "*"
    part: str = ""
    """Of a histogram: `count` (a second), `p50`, `p95` or `p99`; of a summary `count` or a quantile of it."""
    above: float | None = Field(default=None, allow_inf_nan=False)
    below: float | None = Field(default=None, allow_inf_nan=False)
    for_: Duration = Field(default=0.0, alias="for")

    @model_validator(mode="after")
    def _check(self) -> Threshold:
        if self.above is None and self.below is None:
            raise ValueError("expected `above`, `below`, or both")
        if self.above is not None and self.below is not None and self.below > self.above:
            raise ValueError("expected `below` to be no higher than `above`")
        return self


class AnomaliesSettings(Settings):
    """What is scored, and what is an anomaly."""

    rules: tuple[Rule, ...] = ()
    """The first that fits a series holds."""
    thresholds: tuple[Threshold, ...] = ()
    """Lines, whatever the detector says; the first that fits a series holds."""
    detector: Literal["robust", "rolling", "ewma"] = "robust"
    """By which measure: the robust one, or standard deviations from a rolling or an exponentially weighted mean."""
    max_series: int = Field(default=20_000, ge=1)
    """Series that are known; one beyond takes the place of the one not heard of for longest. 3.1 KB each."""
    forget_after: Duration = 7 * 86_400.0
    """How long a series that is not heard of is known."""
    closed_after: Duration = 3600.0
    """How long nothing is heard of a series until its anomaly is closed."""
    save_every: Duration = Field(default=600.0, gt=0)
    """Between two times that what is known of series is saved; a restart goes on from there."""
    retention: Duration = 90 * 86_400.0
    """How long closed anomalies are kept."""
    window_bytes: ByteSize = 64 * 2**20
    """How much of the latest requests is kept, compressed, to be asked for; 0: nothing."""
    window_age: Duration = 30 * 86_400.0
    """How long it is kept at most."""
    emit: Literal["none", "anomalous", "all"] = "anomalous"
    """Of which series scores leave as metrics: those that were anomalous within a day, all, or none."""
    log_templates: bool = False
    """Whether counts of log templates (`otel_insights.log.records`) are scored too: a thousand series or more."""


_OURS = semconv.SCOPE.encode()
_LOG_RECORDS = semconv.LOG_RECORDS.encode()


@dataclass(slots=True)
class Anomalies(Processor):
    """Owns what is known of each series. A replay is scored as if it were the first time, from the same state."""

    settings: AnomaliesSettings
    _live: Scoring = field(init=False)
    _replayed: Scoring = field(init=False)
    _open: dict[int, Anomaly] = field(default_factory=dict, init=False)
    """By the row of the series."""
    _beyond: dict[int, Anomaly] = field(default_factory=dict, init=False)
    """Those by a threshold, likewise."""
    _collecting: Collecting = field(init=False)
    _redactor: Redactor = field(init=False)
    _saved_ns: int = field(default=0, init=False)
    _counted: tuple[int, int] = field(default=(0, 0), init=False)

    async def start(self, host: Host) -> None:
        """Take up what was known of series; anomalies that were open have ended, for all we know."""
        self.host = host
        self._redactor = await host.store.read(redacted.redactor)
        self._collecting = Collecting(self._redactor)
        parts = await host.store.read(memory.saved)
        factors = await host.store.read(memory.factors)
        model = MODELS[self.settings.detector]
        self._live, self._replayed = (
            Scoring(self.settings.max_series, self._limits_of, factors, model, line_of)
            for line_of in (self._line_of, lambda _: None)
        )
        for scoring in (self._live, self._replayed):
            scoring.restore(parts)
        self._saved_ns = host.now_ns()
        stale = await host.store.read(memory.opened)
        await self._write([anomaly_news.closed(one, host.now_ns(), "restarted") for one in stale])

    async def process(self, payload: Payload, forward: Consume) -> Accepted:
        """Score a payload, commit what opened or closed, add scores to it, then forward."""
        if payload.signal is Signal.METRICS:
            payload = await looked_at(self, payload, self._look)
        return await forward(payload)

    async def _look(self, payload: Payload) -> None:
        scoring = self._replayed if payload.replay else self._live
        began = time.perf_counter()
        everything = payload.replay or self.settings.emit == "all"
        points = metric_points.points(payload.data, self._wants)
        if self.settings.window_bytes and not payload.replay:
            points = self._collecting.watch(points, self.host.now_ns())
        count, scored = scoring.score(points, everything=everything)
        self.host.metrics.add("otel_insights_scored_points", count, processor=str(self.id))
        if payload.replay:
            scoring.changed.clear()
            payload.append(score_telemetry.gauges(scored, with_band=False))
            return
        self.host.metrics.set("otel_insights_scoring_duration_seconds", time.perf_counter() - began)
        await self._tell_shapes(scoring)
        beyond, scoring.beyond = scoring.beyond, []
        changed = self._forgotten(scoring)
        changed += self._changes(scored, self._open, payload, model=scoring.model.version)
        if changed := changed + self._changes(beyond, self._beyond, payload, model=DETECTOR):
            await self._write(changed)
        await self._keep()
        if self.settings.emit != "none" and scored:
            payload.append(score_telemetry.gauges(scored, with_band=True))

    async def _tell_shapes(self, scoring: Scoring) -> None:
        if scoring.changed:
            changed, scoring.changed = scoring.changed, []
            findings = [metric_shapes.told(one, self.host.now_ns()) for one in changed]
            await self.host.store.write(memory.record, [], findings)

    def _wants(self, resource: bytes, scope: bytes, metric: bytes) -> bool:
        """Whether a metric is to be scored: it is another's than ours, and no rule leaves it out."""
        sender = environment.read(resource)
        if sender is None:
            return False
        if sender.key.instance == self.host.instance_id or _OURS in scope:
            return self.settings.log_templates and metric == _LOG_RECORDS
        rule = self._rule(sender.key.service, metric.decode(errors="replace")) if self.settings.rules else None
        return rule is None or not rule.ignore

    def _rule(self, service: str, metric: str) -> Rule | None:
        for rule in self.settings.rules:
            if fnmatchcase(metric, rule.metric) and fnmatchcase(service, rule.service):
                return rule
        return None

    def _limits_of(self, key: SeriesKey) -> Limits:
        rule = self._rule(_subject(key).service, key[2].decode(errors="replace"))
        if rule is None:
            return Limits()
        return Limits(rule.direction, rule.min_absolute, rule.min_relative, rule.factor)

    def _line_of(self, key: SeriesKey) -> Line | None:
        service, metric = _subject(key).service, key[2].decode(errors="replace")
        for one in self.settings.thresholds:
            if fnmatchcase(metric, one.metric) and fnmatchcase(service, one.service) and key[4] == one.part:
                return Line(one.above, one.below, int(one.for_ * 1e9))
        return None

    def _changes(
        self, scored: Sequence[Scored], now_open: dict[int, Anomaly], payload: Payload, *, model: str
    ) -> list[Anomaly]:
        """Note what opened, closed or reached a new height; the last is told with the next change of its anomaly."""
        changed: list[Anomaly] = []
        traces = _traces(payload) if any(one.opened for one in scored) else {}
        for one in scored:
            known = now_open.get(one.row)
            if one.opened and known is None:
                known = now_open[one.row] = self._opened(one, traces, model)
                changed.append(known)
            elif one.is_open and known is not None and one.score > known.score:
                now_open[one.row] = anomaly_news.peaked(known, one)
            elif one.closed and known is not None:
                del now_open[one.row]
                changed.append(anomaly_news.over(known, one))
        return changed

    def _forgotten(self, scoring: Scoring) -> list[Anomaly]:
        """End the anomalies of series that made room for others: their rows are somebody else's now."""
        gone, scoring.gone = scoring.gone, []
        ended = [one.pop(row) for row in gone for one in (self._open, self._beyond) if row in one]
        return [anomaly_news.closed(one, self.host.now_ns(), "forgotten") for one in ended]

    async def _keep(self) -> None:
        """Put what passed into the window of the latest points."""
        packed, series = self._collecting.take()
        if packed and len(packed) <= self.settings.window_bytes:
            now, most = self.host.now_ns(), self.settings.window_bytes
            await self.host.store.write_little(metric_series.put, packed, series, now, most)

    def _opened(self, one: Scored, traces: Mapping[exemplars.Place, Sequence[Exemplar]], model: str) -> Anomaly:
        sender = environment.read(one.key[0])
        assert sender is not None  # noqa: S101 - what does not parse is not scored
        identity = dict(zip(("namespace", "service", "instance"), _subject(one.key), strict=True))
        named = traces.get(exemplars.place(one.key, one.time_ns), ())
        clean = self._redactor.attributes
        return anomaly_news.opened(
            one,
            identity,
            clean(sender.configuration),
            clean(_plain(one.key[3])),
            model,
            exemplars.extreme(named, highest=not one.value < one.expected),
            self.host.now_ns(),
        )

    async def _write(self, changed: Sequence[Anomaly]) -> None:
        if changed:
            await self.host.store.write(memory.record, changed, [anomaly_news.told(one) for one in changed])
            for one in changed:
                if one.closed_ns is None:
                    self.host.metrics.add("telemetry_anomalies", service=one.service, metric=one.metric)

    async def analyse(self) -> None:
        """Heed what people said, close what is not heard of, save what is known, forget what is past its time."""
        store, now = self.host.store, self.host.now_ns()
        self._live.heed(await store.read(memory.factors))
        await self._close_unheard(now)
        self._live.series.forget_before(now - int(self.settings.forget_after * 1e9))
        if now - self._saved_ns >= self.settings.save_every * 1e9:
            await self._save(now)
        await store.write(memory.forget_before, now - int(self.settings.retention * 1e9))
        past = now - int(self.settings.window_age * 1e9)
        while await store.write(windows.METRICS.forget_before, past):
            pass
        await store.write(metric_series.forget_before, past - 86_400 * 10**9)  # series are told once a day
        self._count()

    async def _close_unheard(self, now: int) -> None:
        quiet = now - int(self.settings.closed_after * 1e9)
        for now_open, end in ((self._open, self._live.close), (self._beyond, self._live.unwatch)):
            rows = [row for row, one in now_open.items() if self._heard(row) < quiet and one.recorded_ns < quiet]
            for row in rows:
                end(row)
            await self._write([anomaly_news.closed(now_open.pop(row), now, "no_data") for row in rows])

    def _heard(self, row: int) -> int:
        return self._live.series.heard_ns[row]

    async def _save(self, now: int) -> None:
        parts = self._live.saved()
        for number, part in enumerate(parts):
            await self.host.store.write(memory.save, number, part, now)
        await self.host.store.write(memory.drop_parts, len(parts))
        # heights that were reached since they opened
        both = [*self._open.values(), *self._beyond.values()]
        await self.host.store.write(memory.record, [replace(one) for one in both], [])
        self._saved_ns = now

    def _count(self) -> None:
        late, evicted = self._live.series.late, self._live.series.evicted
        for name, more in (
            ("otel_insights_late_points", late - self._counted[0]),
            ("otel_insights_evicted_series", evicted - self._counted[1]),
        ):
            if more:
                self.host.metrics.add(name, more, processor=str(self.id))
        self._counted = late, evicted

    async def stop(self) -> None:
        """Save what is known of series."""
        await self._save(self.host.now_ns())


def _subject(key: SeriesKey) -> EnvironmentKey:
    """Tell whose series it is: the sender's, or, of what we count ourselves, the service's that was counted."""
    if key[2] == _LOG_RECORDS and _OURS in key[1]:
        return EnvironmentKey("", _plain(key[3]).get(semconv.SERVICE_NAME, ""), "")
    sender = environment.read(key[0])
    return sender.key if sender else EnvironmentKey("", "", "")


def _traces(payload: Payload) -> Mapping[exemplars.Place, Sequence[Exemplar]]:
    try:
        return exemplars.by_point(payload.message())  # type: ignore[arg-type] # metrics, as `process` has asked
    except BadData:  # some text is no UTF-8
        return {}


def _plain(attributes: Iterable[bytes]) -> dict[str, str]:
    try:
        return environment.text_of(KeyValue.FromString(one) for one in attributes)
    except DecodeError:
        return {}


FACTORY = Factory(Kind.PROCESSOR, "anomalies", AnomaliesSettings, Anomalies, frozenset({"metrics"}))

"""anomalies: scores metric points as they pass, and tells when a series does what is not expected of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar
from pydantic import Field

from otel_insights import anomaly_news, environment, exemplars, metric_shapes, score_telemetry, semconv
from otel_insights.analysis.lines import DETECTOR, Line
from otel_insights.analysis.models import MODELS
from otel_insights.analysis.streams import SeriesKey
from otel_insights.component import Accepted, Consume, Factory, Host, Kind, Processor, Settings
from otel_insights.errors import BadData
from otel_insights.looking import looked_at
from otel_insights.metric_points import Reading
from otel_insights.metric_window import Collecting
from otel_insights.payload import Payload, Signal
from otel_insights.processors.anomaly_rules import Rule, Silence, Threshold
from otel_insights.processors.silences import Silences
from otel_insights.redaction import Redactor
from otel_insights.scoring import Limits, Scored, Scoring
from otel_insights.store import anomalies as memory
from otel_insights.store import metric_series, redacted, windows
from otel_insights.store.anomalies import Anomaly
from otel_insights.store.environments import EnvironmentKey
from otel_insights.units import ByteSize, Duration


class AnomaliesSettings(Settings):
    """What is scored, and what is an anomaly."""

    rules: tuple[Rule, ...] = ()
    """The first that fits a series holds."""
    thresholds: tuple[Threshold, ...] = ()
    """Lines, whatever the detector says; the first that fits a series holds."""
    silences: tuple[Silence, ...] = ()
    """What may not be missing for longer than a time; the first that fits a metric holds."""
    detector: Literal["robust", "rolling", "ewma"] = "robust"
    """By which measure: the robust one, or standard deviations from a rolling or an exponentially weighted mean."""
    max_series: int = Field(default=20_000, ge=1)
    """Series that are known; one beyond takes the place of the one not heard of for longest. 4.6 KB each."""
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
    """Of which series scores leave as metrics, where no rule says it: those anomalous within a day, all, or none."""
    log_templates: bool = False
    """Whether counts of log templates (`otel_insights.log.records`) are scored too: a thousand series or more."""


_log = logging.getLogger(__name__)
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 30.0
"""Seconds between two looks for silence."""
_OURS = semconv.SCOPE.encode()
_LOG_RECORDS = semconv.LOG_RECORDS.encode()
_OF_SPANS = (semconv.SPAN_CALLS.encode(), semconv.SPAN_DURATION.encode())


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
    _silences: Silences = field(init=False)
    _listening: asyncio.Task[None] | None = field(default=None, init=False)
    _reading: Reading = field(init=False)
    _collecting: Collecting = field(init=False)
    _redactor: Redactor = field(init=False)
    _saved_ns: int = field(default=0, init=False)
    _counted: tuple[int, int] = field(default=(0, 0), init=False)

    async def start(self, host: Host) -> None:
        """Take up what was known of series; anomalies of a detector that were open have ended, for all we know."""
        self.host = host
        self._redactor = await host.store.read(redacted.redactor)
        self._reading = Reading(self._wants, self.settings.max_series)
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
        opened = await host.store.read(memory.opened)
        self._silences = Silences(self.settings.silences, self.settings.max_series, self._describe)
        go_on = self._silences.restore(parts, opened, host.now_ns()) | self._still_beyond(opened)
        stale = [one for one in opened if one.id not in go_on]
        await self._write([anomaly_news.closed(one, host.now_ns(), "restarted") for one in stale])
        if self.settings.silences:
            self._live.on_heard = self._heard_of
            self._listening = asyncio.create_task(self._listen(), name=f"{self.id}: silences")

    def _still_beyond(self, opened: Iterable[Anomaly]) -> set[str]:
        """Watch on what was beyond a line, if its series is known and there still is a line; gives their ids."""
        rows = self._live.series.named()
        for one in opened:
            row = rows.get(one.series) if one.detector == DETECTOR else None
            if row is not None and (line := self._line(one.service, one.metric, one.part)) is not None:
                self._live.watch_on(row, line)
                self._beyond[row] = one
        return {one.id for one in self._beyond.values()}

    def _heard_of(self, keys: Iterable[SeriesKey]) -> None:
        self._silences.heard(keys, self.host.now_ns())

    async def _listen(self) -> None:
        """Notice silence by the clock: where nothing comes at all, nothing else wakes us."""
        pause = min(max(min(one.for_ for one in self.settings.silences) / 4, _SHORTEST_PAUSE), _LONGEST_PAUSE)
        while True:
            await asyncio.sleep(pause)
            try:
                await self._write(self._silences.changes(self.host.now_ns()))
            except Exception:  # noqa: BLE001 - a full store, say: what is not told now is told as it ends
                _log.exception("processors.%s: a silence could not be told", self.id)

    async def process(self, payload: Payload, forward: Consume) -> Accepted:
        """Score a payload, commit what opened or closed, add scores to it, then forward."""
        if payload.signal is Signal.METRICS:
            payload = await looked_at(self, payload, self._look)
        return await forward(payload)

    async def _look(self, payload: Payload) -> None:
        scoring = self._replayed if payload.replay else self._live
        began = time.perf_counter()
        everything = payload.replay or self.settings.emit == "all"
        observed = self._reading.read(payload.data)
        if self.settings.window_bytes and not payload.replay:
            self._collecting.watch(observed, self.host.now_ns())
        count, scored = scoring.score(observed, everything=everything)
        self.host.metrics.add("otel_insights_scored_points", count, processor=str(self.id))
        if payload.replay:
            scoring.changed.clear()
            payload.append(score_telemetry.gauges(scored, with_band=False))
            return
        self.host.metrics.set("otel_insights_scoring_duration_seconds", time.perf_counter() - began)
        await self._tell_shapes(scoring)
        beyond, scoring.beyond = scoring.beyond, []
        changed = self._forgotten(scoring) + self._silences.changes(self.host.now_ns())
        changed += self._changes(scored, self._open, payload, model=scoring.model.version)
        if changed := changed + self._changes(beyond, self._beyond, payload, model=DETECTOR):
            await self._write(changed)
        await self._keep()
        if emitted := [one for one in scored if self._emits(one)]:
            payload.append(score_telemetry.gauges(emitted, with_band=True))

    def _emits(self, one: Scored) -> bool:
        how = self._live.emits(one.row) or self.settings.emit
        return how == "all" or (how == "anomalous" and (one.lately or one.closed))

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
        service = sender.key.service
        if sender.key.instance == self.host.instance_id or _OURS in scope:
            if metric not in _OF_SPANS and not (self.settings.log_templates and metric == _LOG_RECORDS):
                return False
            service = ""  # of several services
        rule = self._rule(service, metric.decode(errors="replace")) if self.settings.rules else None
        return rule is None or not rule.ignore

    def _rule(self, service: str, metric: str) -> Rule | None:
        for rule in self.settings.rules:
            if rule.fits(service, metric):
                return rule
        return None

    def _limits_of(self, key: SeriesKey) -> Limits:
        rule = self._rule(_subject(key).service, key[2].decode(errors="replace"))
        if rule is None:
            return Limits()
        return Limits(rule.direction, rule.min_absolute, rule.min_relative, rule.factor, rule.emit or "")

    def _line_of(self, key: SeriesKey) -> Line | None:
        return self._line(_subject(key).service, key[2].decode(errors="replace"), key[4])

    def _line(self, service: str, metric: str, part: str) -> Line | None:
        for one in self.settings.thresholds:
            if one.fits(service, metric) and part == one.part:
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
        named = traces.get(exemplars.place(one.key, one.time_ns), ())
        exemplar = exemplars.extreme(named, highest=not one.value < one.expected)
        return anomaly_news.opened(one, self._describe(one.key), model, exemplar, self.host.now_ns())

    def _describe(self, key: SeriesKey) -> Anomaly:
        """Say whose series it is, without secrets."""
        sender = environment.read(key[0])
        assert sender is not None  # noqa: S101 - what does not parse is not scored
        clean = self._redactor.attributes
        return anomaly_news.pattern(key, _subject(key), clean(sender.configuration), clean(_plain(key[3])))

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
        past = now - int(self.settings.forget_after * 1e9)
        self._live.series.forget_before(past)
        self._silences.forget_before(past, now)
        await self._write(self._silences.changes(now))
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
        return int(self._live.series.heard_ns[row])

    async def _save(self, now: int) -> None:
        parts = [*self._live.saved(), self._silences.saved()]
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
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening
        await self._save(self.host.now_ns())


def _subject(key: SeriesKey) -> EnvironmentKey:
    """Tell whose series it is: the sender's, or, of what we count ourselves, the service's that was counted."""
    if _OURS in key[1] and (key[2] == _LOG_RECORDS or key[2] in _OF_SPANS):
        counted = _plain(key[3])
        return EnvironmentKey(counted.get(semconv.SERVICE_NAMESPACE, ""), counted.get(semconv.SERVICE_NAME, ""), "")
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
